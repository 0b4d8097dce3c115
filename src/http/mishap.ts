import type { ServerResponse } from 'node:http';
import { TielineError } from '../errors.ts';
import { log } from '../log.ts';

/**
 * Runs what answers a request, or a part of it that an event begins. What it throws is answered here: nothing else would
 * catch it, and the process would end with it. Never fails.
 */
export async function answering(outgoing: ServerResponse, work: () => unknown): Promise<void> {
  try {
    await work();
  } catch (cause) {
    log.error('a request failed', { cause });
    sendProblem(outgoing, new TielineError('internal', 'Tieline failed', { hint: 'See its log.' }));
  }
}

/** Answers with a problem (RFC 9457) where there is no other way any more; cuts an answer that has begun. */
export function sendProblem(outgoing: ServerResponse, error: TielineError): void {
  if (outgoing.headersSent) {
    outgoing.destroy();
    return;
  }
  const { code, status, message, hint, retryAfter } = error;
  const problem = {
    type: `urn:tieline:error:${code}`,
    title: code.replaceAll('_', ' '),
    status,
    detail: message,
    code,
    hint,
    retry_after: retryAfter,
  };
  outgoing.writeHead(status, {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
  });
  outgoing.end(JSON.stringify(problem));
}
