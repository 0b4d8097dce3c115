import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { isTielineError, TielineError } from '../errors.ts';
import { isReplay } from '../execute/once.ts';
import { log } from '../log.ts';
import { withoutTokens } from '../tokenshape.ts';
import type { Env } from './context.ts';

/** A failure as RFC 9457 wants it, with the members that `TielineError` brings. */
export const problem = z
  .object({
    type: z.string().openapi({ description: 'urn:tieline:error:<code>' }),
    title: z.string().openapi({ description: 'The code in words.' }),
    status: z.int(),
    detail: z.string().openapi({ description: 'What happened.' }),
    code: z.string().openapi({ description: 'Closed set of names, for programs.', example: 'integration_unknown' }),
    hint: z.string().optional().openapi({ description: 'The one next step.' }),
    retry_after: z.int().optional().openapi({ description: 'Seconds after which the same request may succeed.' }),
    request_id: z.string().openapi({ description: 'Finds the request in the log of the server.' }),
  })
  .openapi('Problem');

/** The answer to a failed request. Anything but a `TielineError` is a bug: the log has it under the request's id. */
export function answerProblem(context: Context<Env>, error: unknown): Response {
  const requestId = context.get('requestId');
  const known = isTielineError(error) ? error : (malformed(error) ?? bug(error, requestId));
  const { code, status, hint, retryAfter } = known;
  const body: z.infer<typeof problem> = {
    type: `urn:tieline:error:${code}`,
    title: code.replaceAll('_', ' '),
    status,
    detail: withoutTokens(known.message),
    code,
    ...(hint !== undefined && { hint: withoutTokens(hint) }),
    ...(retryAfter !== undefined && { retry_after: retryAfter }),
    request_id: requestId,
  };
  const headers: Record<string, string> = { 'content-type': 'application/problem+json', 'cache-control': 'no-store' };
  if (retryAfter !== undefined) headers['retry-after'] = String(retryAfter);
  if (isReplay(error)) headers['idempotency-replayed'] = 'true';
  // RFC 6750 §3: who is not let in is told with what to come.
  if (code === 'unauthenticated') headers['www-authenticate'] = 'Bearer';
  return context.body(JSON.stringify(body), status as ContentfulStatusCode, headers);
}

/** What hono says of a request that cannot be read. */
function malformed(error: unknown): TielineError | undefined {
  if (!(error instanceof HTTPException) || error.status >= 500) return undefined;
  return new TielineError('arguments_invalid', `the request cannot be read: ${error.message}`, {
    hint: 'Send JSON with Content-Type: application/json.',
  });
}

function bug(error: unknown, requestId: string): TielineError {
  log.error('a request failed', { request: requestId, cause: error });
  return new TielineError('internal', 'Tieline failed', { hint: 'See its log under the id of this request.' });
}

/** Key, organization, limits, Idempotency-Key and store can fail any request. */
const ANYWHERE = [400, 401, 403, 404, 409, 413, 429, 500, 503, 504] as const;

/** What `openapi` needs to know of the failures of a route, by their HTTP status. */
export const failures = (...statuses: readonly number[]) =>
  Object.fromEntries(
    [...new Set([...ANYWHERE, ...statuses])].map((status) => [
      status,
      { description: REASONS[status] ?? 'Failed', content: { 'application/problem+json': { schema: problem } } },
    ]),
  );

const REASONS: Readonly<Record<number, string>> = {
  400: 'The request is not right',
  401: 'No key or token that is known here',
  403: 'Not allowed',
  404: 'Not there, or not yours',
  409: 'Another state than the request needs',
  413: 'Too large',
  422: 'The provider refused',
  429: 'Too many requests',
  500: 'A failure of the server',
  502: 'The provider failed',
  503: 'Not now',
  504: 'Not answered in time, or nobody knows whether it was done',
};
