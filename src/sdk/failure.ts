import { isErrorCode, TielineError } from '../errors.ts';

/** What is known of an attempt that failed. `status` is absent where no answer came. */
export type Failure = { readonly error: TielineError; readonly status?: number };

/** What an answer of another status than 2xx means: a problem (RFC 9457) of the server, or somebody before it. */
export function failureOf(status: number, headers: Headers, body: unknown): Failure {
  const { code, detail, hint, retry_after, request_id } = (body ?? {}) as Record<string, unknown>;
  const retryAfter = typeof retry_after === 'number' ? retry_after : secondsOf(headers.get('retry-after'));
  if (typeof code !== 'string' || typeof detail !== 'string') return { error: notOurs(status, retryAfter), status };
  const known = isErrorCode(code);
  const error = new TielineError(known ? code : 'server_invalid', known ? detail : `${detail} [${code}]`, {
    hint: typeof hint === 'string' ? hint : undefined,
    retryAfter,
    requestId: typeof request_id === 'string' ? request_id : undefined,
  });
  return { error, status };
}

function notOurs(status: number, retryAfter: number | undefined): TielineError {
  const message = `the server answered with status ${status}`;
  if (status === 429) return new TielineError('too_many_requests', message, { hint: 'Try again later.', retryAfter });
  if (status >= 500) {
    return new TielineError('server_unreachable', message, { hint: 'See whether it is running.', retryAfter });
  }
  return new TielineError('server_invalid', `${message}, and not as Tieline does`, { hint: 'Check apiBaseUrl.' });
}

/** What keeps an answer from coming. `ended` is the caller's own signal. */
export function lostOf(cause: unknown, origin: string, timeout: number, ended: AbortSignal | undefined): Failure {
  if (ended?.aborted) return { error: new TielineError('canceled', 'the call was canceled', { cause }) };
  if (cause instanceof Error && cause.name === 'TimeoutError') {
    const message = `${origin} did not answer within ${timeout} ms`;
    return {
      error: new TielineError('server_timeout', message, {
        hint: 'See whether it was carried out before you send it again; allow more with timeout.',
        cause,
      }),
    };
  }
  return {
    error: new TielineError('server_unreachable', `${origin} cannot be reached`, {
      hint: 'Check apiBaseUrl, and that the server is running.',
      cause,
    }),
  };
}

/** RFC 9110 §10.2.3: seconds, or a date. */
function secondsOf(text: string | null): number | undefined {
  if (text === null) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - Date.now()) / 1_000));
}
