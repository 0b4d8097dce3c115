import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { TielineError } from '../errors.ts';
import { log } from '../log.ts';

export type Listening = {
  readonly port: number;
  /** Takes no new requests, and ends when those under way are answered or eight seconds are over. */
  close(): Promise<void>;
};

const LONGEST_DRAIN = 8_000;

type Fetch = (request: Request, env: object) => Response | Promise<Response>;

/** For what takes web requests, to listen. */
export const webListener = (fetch: Fetch): RequestListener => getRequestListener(fetch as never);

/** Serves on an address and port; 0 is any free one. Throws `config_invalid` when that is not possible. */
export async function listen(
  listener: RequestListener,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<Listening> {
  const server = await new Promise<Server>((resolve, reject) => {
    const started = createServer(listener).listen(port, host, () => resolve(started));
    started.on('error', (cause: NodeJS.ErrnoException) => {
      // Once it listens: a connection that could not be taken, as when too many files are open, ends nothing else.
      if (started.listening) log.error('a connection could not be taken', { code: cause.code });
      reject(notPossible(host, port, cause));
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        const late = setTimeout(() => server.closeAllConnections(), LONGEST_DRAIN);
        server.close(() => {
          clearTimeout(late);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

const notPossible = (host: string, port: number, cause: NodeJS.ErrnoException): TielineError =>
  new TielineError('config_invalid', `cannot listen on ${host}:${port} (${cause.code})`, {
    hint: 'Choose another port with --port, or end the program that has it.',
    cause,
  });
