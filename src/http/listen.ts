import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, Server as NetServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import { TielineError } from '../errors.ts';
import { log } from '../log.ts';
import { ARRIVAL_MS } from './arrivals.ts';
import { GuardedAnswer, GuardedRequest, guardSocket } from './guarded.ts';
import { answering, sendProblem } from './mishap.ts';

export type Listening = {
  readonly port: number;
  /** Has each answer from now on tell its client that the connection ends. Requests are taken as before. */
  dismiss(): void;
  /** Takes no new connections, and ends when requests under way are answered. */
  close(options?: CloseOptions): Promise<void>;
};

export type CloseOptions = {
  /** How long requests under way have, in milliseconds; eight seconds by default. */
  readonly patience?: number | undefined;
  /** Gives them up at once. */
  readonly signal?: AbortSignal | undefined;
  /** Ends what the requests wait for, once they are given up, so that they are answered. */
  readonly abandon?: (() => Promise<void>) | undefined;
};

const PATIENCE = 8_000;
/** How long requests that are given up have for their answers, in milliseconds. */
const LAST_WORDS = 2_000;
/** How long whoever has connected has for a request, when no more may connect; in milliseconds. */
const LINGER = 1_000;

/** How long clients have to come back to a connection that they may keep, in milliseconds. */
const SETTLE = 250;

/** Longer than balancers keep a connection without requests, mostly a minute: who closes first breaks no request. */
const KEEP_ALIVE = 75_000;
/** How long the head of a request may take to arrive, in milliseconds. */
const HEADERS = 20_000;
/** How often those times are looked at, in milliseconds. */
const CHECKING = 5_000;
/** Connections at once; more are closed as they come. */
const MOST_CONNECTIONS = 10_000;

type Fetch = (request: Request, env: object) => Response | Promise<Response>;

/** For what takes web requests, to listen. */
export const webListener = (fetch: Fetch): RequestListener => getRequestListener(fetch as never);

/** Serves on an address and port; 0 is any free one. Throws `config_invalid` when that is not possible. */
export async function listen(
  listener: RequestListener,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<Listening> {
  const underWay = new Set<ServerResponse>();
  let isDismissing = false;
  let onAnswered: (() => void) | undefined;
  const tracked: RequestListener<typeof GuardedRequest, typeof GuardedAnswer> = (incoming, outgoing) => {
    incoming.answer = outgoing;
    underWay.add(outgoing);
    if (isDismissing) outgoing.shouldKeepAlive = false;
    outgoing.once('close', () => {
      underWay.delete(outgoing);
      if (underWay.size === 0) onAnswered?.();
    });
    void answering(outgoing, () => listener(incoming, outgoing));
  };
  const server = await new Promise<Server>((resolve, reject) => {
    const options = {
      IncomingMessage: GuardedRequest,
      ServerResponse: GuardedAnswer,
      keepAliveTimeout: KEEP_ALIVE,
      headersTimeout: HEADERS,
      requestTimeout: ARRIVAL_MS,
      connectionsCheckingInterval: CHECKING,
    };
    const started = createServer(options, tracked).listen(port, host, () => resolve(started));
    started.on('connection', guardSocket);
    started.maxConnections = MOST_CONNECTIONS;
    started.on('error', (cause: NodeJS.ErrnoException) => {
      // Once it listens: a connection that could not be taken, as when too many files are open, ends nothing else.
      if (started.listening) log.error('a connection could not be taken', { code: cause.code });
      reject(notPossible(host, port, cause));
    });
  });

  const answered = () =>
    new Promise<void>((resolve) => {
      onAnswered = resolve;
      if (underWay.size === 0) resolve();
    });

  function dismiss(): void {
    isDismissing = true;
    for (const outgoing of underWay) outgoing.shouldKeepAlive = false;
  }

  return {
    port: (server.address() as AddressInfo).port,
    dismiss,
    async close({ patience = PATIENCE, signal, abandon } = {}) {
      // Connections that wait to be accepted are reset when no more are. So those who connect anew for each request, as
      // they are told to, are let to keep the last one.
      if (isDismissing) {
        isDismissing = false;
        await within(SETTLE, new Promise(() => {}), signal);
      }
      dismiss();
      // That of http cuts whoever has connected and not asked yet.
      const closed = new Promise((resolve) => NetServer.prototype.close.call(server, resolve));
      await within(LINGER, closed, signal);
      server.closeIdleConnections();
      const isAnswered = await within(Math.max(0, patience - LINGER), answered(), signal);
      if (!isAnswered) {
        await within(LAST_WORDS, Promise.all([abandon?.(), answered()]));
        for (const outgoing of underWay) giveUp(outgoing);
        await within(LINGER, answered());
      }
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Whether the work is over by then, however it ended. */
async function within(ms: number, work: Promise<unknown>, signal?: AbortSignal): Promise<boolean> {
  const controller = new AbortController();
  const either = signal ? AbortSignal.any([signal, controller.signal]) : controller.signal;
  const late = sleep(ms, false, { signal: either }).catch(() => false);
  try {
    const over = () => true;
    return await Promise.race([work.then(over, over), late]);
  } finally {
    controller.abort();
  }
}

/** Answers for whom there was no time left. */
function giveUp(outgoing: ServerResponse): void {
  if (outgoing.headersSent) return;
  const detail = 'the server had to end before this was answered; whether it was done is not known';
  sendProblem(
    outgoing,
    new TielineError('outcome_unknown', detail, { hint: 'Look whether it was done before doing it again.' }),
  );
}

const notPossible = (host: string, port: number, cause: NodeJS.ErrnoException): TielineError =>
  new TielineError('config_invalid', `cannot listen on ${host}:${port} (${cause.code})`, {
    hint: 'Choose another port with --port, or end the program that has it.',
    cause,
  });
