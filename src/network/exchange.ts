import type { Dispatcher, FormData } from 'undici';
import { bound } from '../bounded.ts';
import { TielineError } from '../errors.ts';
import { ByteBudget } from './budget.ts';
import { decode, tooLarge } from './decode.ts';
import { wakeTimer } from './waketimer.ts';

export type HttpRequest = {
  method: string;
  url: URL;
  headers: Readonly<Record<string, string>>;
  body?: string | Uint8Array | FormData;
};

/** Header names are in lower case, repeated headers joined by `, `. The bytes are decompressed. */
export type HttpResponse = {
  status: number;
  headers: Readonly<Record<string, string>>;
  bytes: Uint8Array;
  url: URL;
};

export type Timeouts = {
  /** Name resolution, TCP and TLS. */
  connectMs: number;
  /** From the first byte sent to the last header received. */
  headersMs: number;
  /** Between two pieces of the body. */
  bodyMs: number;
  totalMs: number;
};

/** Told each piece of an answer as it comes, still compressed. True: this is enough, the rest is not read. */
export type OnData = (chunk: Uint8Array, answer: Pick<HttpResponse, 'status' | 'headers'>) => boolean;

export type Limits = {
  timeouts: Timeouts;
  /** When the total time is up, on the clock of `performance.now()`. */
  deadline: number;
  maxBytes: number;
  signal?: AbortSignal | undefined;
  onData?: OnData | undefined;
  /** Called right before the first byte is written. */
  onSending(): void;
};

type Phase = 'connect' | 'headers' | 'body' | 'total';

const READING = bound({
  name: 'answers of providers that are being read',
  entries: 2_000,
  bytes: 256 * 1024 * 1024,
  atBound: 'the next ones are not read on before there is room',
});
/** Smaller answers are not counted: so many calls are never under way. */
const SMALL = 64 * 1024;
const reading = new ByteBudget(READING.bytes);

/** One request, one answer: capped, timed, decompressed. Redirects come back as they are. */
export function exchange(agent: Dispatcher, request: HttpRequest, limits: Limits): Promise<HttpResponse> {
  const { url, method, headers, body = null } = request;
  const { timeouts, signal, maxBytes } = limits;
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let over = false;
    let phase: Phase = 'connect';
    // While reading rests, the provider is not late.
    const late = () => (isPaused ? timer.start() : fail(timedOut(url, phase, timeouts)));
    const timer = wakeTimer(timeouts.connectMs, late);
    const tooLate = () => fail(isPaused ? noMemory(url) : timedOut(url, 'total', timeouts));
    const total = wakeTimer(limits.deadline - performance.now(), tooLate);
    let status = 0;
    let received: HttpResponse['headers'] = NO_HEADERS;
    const chunks: Buffer[] = [];
    let size = 0;
    let giveBack: (() => void) | undefined;
    let isPaused = false;

    const start = (next: Phase, ms: number): void => {
      phase = next;
      timer.start(ms);
    };
    const end = (): void => {
      over = true;
      timer.end();
      total.end();
      signal?.removeEventListener('abort', cancel);
    };
    const free = (): void => {
      giveBack?.();
      giveBack = undefined;
    };
    /** Takes memory for the whole of an answer that is not small; reading rests until there is some. */
    const reserve = (): void => {
      let isGiven = false;
      giveBack = reading.take(mostOf(received, maxBytes), () => {
        isGiven = true;
        if (!isPaused) return;
        isPaused = false;
        timer.start();
        controller?.resume();
      });
      if (isGiven) return;
      isPaused = true;
      controller?.pause();
    };
    const finish = (): void => {
      end();
      const [only = NOTHING] = chunks;
      const bytes = chunks.length > 1 ? Buffer.concat(chunks, size) : only;
      const response = { status, headers: received, bytes, url };
      if (received['content-encoding'] === undefined) {
        free();
        resolve(response);
        return;
      }
      resolve(
        decode(response, maxBytes)
          .then((plain) => ({ ...response, bytes: plain }))
          .finally(free),
      );
    };
    const fail = (error: Error): void => {
      if (over) return;
      end();
      free();
      reject(failure(error, url));
      controller?.abort(error);
    };
    const cancel = (): void => fail(new TielineError('canceled', 'the call was canceled', { cause: signal?.reason }));
    const take = (bytes: number): boolean => {
      size += bytes;
      if (size > maxBytes) fail(tooLarge(url, maxBytes));
      return size <= maxBytes;
    };

    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(started) {
        // The time was up, or the call canceled, while the connection was still being made.
        if (over) return started.abort(new Error('the request is over'));
        controller = started;
        limits.onSending();
        start('headers', timeouts.headersMs);
      },
      onResponseStart(_, code, headers) {
        if (over || code < 200) return;
        status = code;
        received = joined(headers);
        if (method !== 'HEAD' && Number(received['content-length']) > maxBytes) return fail(tooLarge(url, maxBytes));
        start('body', timeouts.bodyMs);
      },
      onResponseData(_, chunk) {
        if (over || !take(chunk.length)) return;
        chunks.push(chunk);
        timer.start();
        if (size > SMALL && !giveBack) reserve();
        try {
          if (!limits.onData?.(chunk, { status, headers: received })) return;
        } catch (error) {
          return fail(error instanceof Error ? error : new Error(String(error)));
        }
        finish();
        controller?.abort(new Error('the rest is not wanted'));
      },
      onResponseEnd() {
        if (!over) finish();
      },
      onResponseError(_, error) {
        fail(error);
      },
    };

    if (signal?.aborted) return cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    const sent = { 'accept-encoding': 'gzip, deflate, br', ...headers };
    const path = url.pathname + url.search;
    try {
      // undici's own timers are off: these here tell the phases apart and bound the whole.
      agent.dispatch(
        { origin: url.origin, path, method, headers: sent, body, headersTimeout: 0, bodyTimeout: 0 },
        handler,
      );
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)));
    }
  });
}

const NO_HEADERS = {};
const NOTHING = Buffer.alloc(0);

function joined(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const texts: Record<string, string> = Object.create(null);
  for (const [name, value = ''] of Object.entries(headers)) {
    texts[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return texts;
}

/** How long an answer may become in memory. */
const mostOf = (headers: HttpResponse['headers'], maxBytes: number): number =>
  headers['content-encoding'] === undefined
    ? Math.min(maxBytes, Number(headers['content-length']) || maxBytes)
    : maxBytes;

const noMemory = ({ host }: URL): TielineError =>
  new TielineError('too_many_requests', `too many long answers are being read, so that of ${host} was not`, {
    hint: 'Try again in a while; ask for less at a time.',
    retryAfter: 5,
  });

const LATE = {
  connect: 'could not be connected to',
  headers: 'did not begin to answer',
  body: 'stopped in the middle of its answer',
  total: 'did not finish its answer',
} as const;

function timedOut({ host }: URL, phase: Phase, timeouts: Timeouts, cause?: unknown): TielineError {
  const seconds = Math.round(timeouts[`${phase}Ms`] / 100) / 10;
  return new TielineError('upstream_timeout', `${host} ${LATE[phase]} within ${seconds} s (${phase} timeout)`, {
    hint: phase === 'connect' ? AGAIN : SMALLER,
    cause,
  });
}

/** What went wrong on the way, in words that name the host and nothing else of the request. */
function failure(error: Error, { host }: URL): TielineError {
  if (error instanceof TielineError) return error;
  const code = codeOf(error);
  const give = (kind: TielineError['code'], text: string, hint?: string): TielineError =>
    new TielineError(kind, `${host} ${text}`, { hint, cause: error });
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') {
    return give('upstream_timeout', `${LATE.connect} in time (connect timeout)`, AGAIN);
  }
  if (/^UND_ERR_(?:INVALID_ARG|NOT_SUPPORTED|REQ_CONTENT_LENGTH_MISMATCH)$/.test(code)) {
    return new TielineError('arguments_invalid', 'the request cannot be put into HTTP', { cause: error });
  }
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return give('response_too_large', 'answered with too many headers');
  if (error.name === 'HTTPParserError') return give('upstream_invalid', 'did not answer in HTTP');
  if (code === 'EAI_AGAIN')
    return give('upstream_unreachable', 'could not be looked up: no name server answered', AGAIN);
  if (code === 'EMFILE' || code === 'ENFILE') {
    const hint = 'Wait until some calls are done, then try again; the operator may raise the limit of open files.';
    const message = 'this server has no open file left for another connection';
    return new TielineError('too_many_requests', message, { hint, retryAfter: 2, cause: error });
  }
  if (code === 'ECONNREFUSED') return give('upstream_unreachable', 'refused the connection');
  if (/^(?:ERR_TLS|ERR_SSL|EPROTO|CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(code)) {
    return give('upstream_unreachable', `could not be trusted or did not speak TLS (${code})`, TRUST);
  }
  return give('upstream_unreachable', 'broke the connection');
}

const AGAIN = 'Try again in a while.';
const SMALLER = 'Try again in a while, and ask for less at a time if that does not help.';
const TRUST = 'If its certificate is of an authority of your own, give that in PEM, as trustedCa.';

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
