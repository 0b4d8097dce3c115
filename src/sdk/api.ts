import { TielineError } from '../errors.ts';
import { type Failure, failureOf, lostOf } from './failure.ts';
import { type AttemptOptions, readAttempts, readBaseUrl, readToken, type ServerOptions } from './options.ts';
import { type Effect, mayRepeat, waitOf } from './retry.ts';

export type ApiRequest = AttemptOptions & {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below `/api/v1`, with every name in it encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>> | undefined;
  readonly body?: unknown;
  /** By the method when absent; a POST is `write` then. */
  readonly effect?: Effect | undefined;
  /** Of what is created; a new one by default. */
  readonly idempotencyKey?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** What a request is sent with. */
export type Bearer = {
  /** The token to use now. */
  token(): Promise<string>;
  /** Another one after that was refused, or undefined. */
  renewed?(refused: string): Promise<string | undefined>;
};

/** The REST API of a server, as one caller. */
export type Api = {
  /** Gives the JSON that was answered. Throws the server's `TielineError`, `server_unreachable`, `server_timeout`. */
  request(request: ApiRequest): Promise<unknown>;
  /** The same as another caller. */
  as(bearer: Bearer): Api;
};

export function openApi(options: ServerOptions): Api {
  const key = readToken('apiKey', options.apiKey);
  const base = readBaseUrl(options.apiBaseUrl);
  readAttempts(options);
  const open = (bearer: Bearer): Api => ({
    request: (request) => send({ ...options, base, bearer }, request),
    as: open,
  });
  return open({ token: async () => key });
}

type Way = ServerOptions & { readonly base: string; readonly bearer: Bearer };

async function send(way: Way, request: ApiRequest): Promise<unknown> {
  const { timeout, maxAttempts } = readAttempts({
    timeout: request.timeout ?? way.timeout,
    maxAttempts: request.maxAttempts ?? way.maxAttempts,
  });
  const effect = request.effect ?? (request.method === 'POST' ? 'write' : 'read');
  const idempotencyKey = effect === 'create' ? (request.idempotencyKey ?? crypto.randomUUID()) : undefined;
  let token = await way.bearer.token();
  let wasRenewed = false;
  for (let attempt = 1; ; attempt++) {
    const outcome = await attemptOnce(way, request, { token, idempotencyKey, timeout });
    if ('value' in outcome) return outcome.value;
    if (outcome.status === 401 && outcome.error.code === 'unauthenticated' && !wasRenewed) {
      wasRenewed = true;
      const next = await way.bearer.renewed?.(token);
      if (next !== undefined) {
        token = next;
        attempt -= 1;
        continue;
      }
    }
    const wait = attempt < maxAttempts && mayRepeat(outcome, effect) ? waitOf(outcome, attempt) : undefined;
    if (wait === undefined) throw outcome.error;
    await pause(wait, request.signal);
  }
}

type Attempt = {
  readonly token: string;
  readonly idempotencyKey: string | undefined;
  readonly timeout: number;
};

async function attemptOnce(way: Way, request: ApiRequest, attempt: Attempt): Promise<{ value: unknown } | Failure> {
  const { signal } = request;
  const { token, idempotencyKey, timeout } = attempt;
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  const ends = AbortSignal.timeout(timeout);
  try {
    const response = await (way.fetch ?? fetch)(addressOf(way.base, request), {
      method: request.method,
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${token}`,
        ...(way.organizationId !== undefined && { 'x-organization-id': way.organizationId }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
      },
      ...(body !== undefined && { body }),
      // A key or token follows no redirect.
      redirect: 'manual',
      signal: signal ? AbortSignal.any([signal, ends]) : ends,
    });
    return readResponse(response, await response.text());
  } catch (cause) {
    return lostOf(cause, new URL(way.base).origin, timeout, signal);
  }
}

function addressOf(base: string, { path, query = {} }: ApiRequest): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  return `${base}${path}${search.size === 0 ? '' : `?${search}`}`;
}

function readResponse(response: Response, text: string): { value: unknown } | Failure {
  const { status, headers } = response;
  if (status === 204) return { value: undefined };
  const isJson = /\bjson\b/.test(headers.get('content-type') ?? '');
  let body: unknown;
  try {
    body = isJson ? JSON.parse(text) : undefined;
  } catch {
    body = undefined;
  }
  if (!response.ok) return failureOf(status, headers, body);
  if (body !== undefined) return { value: body };
  const error = new TielineError('server_invalid', 'the server answered with something else than JSON', {
    hint: 'Check apiBaseUrl.',
  });
  return { error, status };
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(new TielineError('canceled', 'the call was canceled'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', end);
      resolve();
    }, ms);
    if (signal?.aborted) end();
    else signal?.addEventListener('abort', end, { once: true });
  });
}
