import * as oauth from 'oauth4webapi';
import { isTielineError, TielineError } from '../errors.ts';
import type { HttpResponse } from '../network/send.ts';
import { beginningOf, withoutTokens } from '../tokenshape.ts';
import { isDistrusted, trustHint } from './distrust.ts';

/** Errors of RFC 6749 §5.2 after which the grant is over, whatever is done with it. */
const GRANT_IS_OVER = new Set(['invalid_grant', 'bad_refresh_token', 'token_revoked', 'invalid_refresh_token']);

/** Errors that speak of the moment, although they come with the status of a wrong request, or as Slack's with 200. */
const MOMENTARY = new Set([
  'server_error',
  'temporarily_unavailable',
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'ratelimited',
]);

/** Whether the provider tells it from one that has run out. */
const isRevoked = ({ error, error_description: text = '' }: oauth.ResponseBodyError): boolean =>
  error === 'token_revoked' || (/\brevoked\b/i.test(text) && !/\bexpired\b/i.test(text));

const turnedAway = new WeakSet<object>();

/** Whether the provider said "not now, but then" to the request behind this error, and so has not done it. */
export const wasTurnedAway = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && turnedAway.has(error);

/** The error of a token request, marked as one that was turned away if the answer says so (RFC 6585 §4, RFC 9110 §15.6.4). */
export function marked(error: TielineError, last: Pick<HttpResponse, 'status' | 'headers'> | undefined): TielineError {
  const isRefusal = last?.status === 429 || (last?.status === 503 && secondsToWait(last) !== undefined);
  if (isRefusal) turnedAway.add(error);
  return error;
}

/** How a token endpoint answered, and what takes out of a text what it was asked with. */
type Asked = { readonly response?: HttpResponse; readonly scrub?: (text: string) => string };

/** The failure of a token request in Tieline's terms: is it the grant, the client, or the moment? */
export function tokenError(error: unknown, connector: string, last: Asked = {}): TielineError {
  const { response, scrub } = last;
  if (error instanceof oauth.ResponseBodyError) {
    const reason = [error.error, error.error_description].flatMap((it) => plain(it, scrub) ?? []).join(': ');
    if (GRANT_IS_OVER.has(error.error)) {
      const what = isRevoked(error)
        ? 'says that this authorization was revoked'
        : 'no longer accepts this authorization';
      return new TielineError('reauthorization_required', `${connector} ${what} (${reason})`, {
        hint: `Connect the account again: tieline connect ${connector}`,
        cause: withoutAnswer(error),
      });
    }
    if (error.status < 500 && error.status !== 429 && !MOMENTARY.has(error.error)) {
      return new TielineError('config_invalid', `${connector} refused the token request (${reason})`, {
        hint: 'Check the client ID, client secret and scopes of the OAuth app.',
        cause: withoutAnswer(error),
      });
    }
  }
  // What did not come from the network, such as an address that may not be reached, is the same at the next try.
  if (isTielineError(error) && !/^(?:upstream|response)_/.test(error.code)) return error;
  const status = response ? ` (status ${response.status})` : '';
  const what = isTielineError(error) ? `: ${error.message}` : status;
  const failed = new TielineError('refresh_failed', `the token endpoint of ${connector} could not be used${what}`, {
    hint: isDistrusted(error) ? trustHint('auth.trustedCa', 'getOAuthConfig') : 'Try again in a while.',
    retryAfter: secondsToWait(response),
    cause: withoutAnswer(error),
  });
  return marked(failed, response);
}

/** RFC 9110 §10.2.3: seconds, or a date by the provider's clock. Undefined for neither, and for what is over. */
export function secondsToWait(last: Pick<HttpResponse, 'headers'> | undefined): number | undefined {
  const { 'retry-after': text = '', date = '' } = last?.headers ?? {};
  if (/^\s*\d{1,9}\s*$/.test(text)) return Number(text) || undefined;
  const wait = (Date.parse(text) - (Date.parse(date) || Date.now())) / 1_000;
  return wait > 0 ? Math.ceil(wait) : undefined;
}

const LONGEST_READ = 4_000;

/** Provider text that may be shown: one line, bounded, no markup, nothing secret that was sent. */
export const plain = (text: string | undefined, scrub: (text: string) => string = (it) => it): string | undefined =>
  // A secret is looked for while it is whole: half a token is not found any more.
  withoutTokens(scrub(beginningOf(text ?? '', LONGEST_READ)))
    .replace(/[<>\s\p{C}]+/gu, ' ')
    .trim()
    .slice(0, 200) || undefined;

/** The error as a cause. The library's own keep what the provider answered, and tokens with it. */
export function withoutAnswer(error: unknown): unknown {
  if (!(error instanceof Error) || isTielineError(error)) return error;
  const bare = new Error(error.message);
  if (error.stack !== undefined) bare.stack = error.stack;
  return bare;
}
