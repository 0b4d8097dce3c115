import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TielineError } from '../errors.ts';

export type Callback = {
  /** Where the provider is to send the browser back to. */
  readonly redirectUri: string;
  /** The address the browser came back with. Rejects with `authorization_failed` after the time. */
  readonly arrived: Promise<URL>;
  close(): void;
};

/**
 * A loopback listener for one answer of one sign-in (RFC 8252 §7.3). The path names the connector, so that the
 * answer of one provider cannot be passed off as another's; answers with another state are turned away and waited past.
 */
export async function listenForCallback(
  connector: string,
  state: () => string,
  options: { port: number; timeoutMs: number },
): Promise<Callback> {
  const path = `/callback/${connector}`;
  let arrive: (url: URL) => void = () => {};
  let refuse: (error: Error) => void = () => {};
  const arrived = new Promise<URL>((resolve, reject) => {
    arrive = resolve;
    refuse = reject;
  });
  arrived.catch(() => {}); // nobody may be waiting any more when the time is over
  const server = createServer((request, response) => {
    const asked = request.url ?? '/';
    const url = new URL(URL.canParse(asked, origin()) ? asked : '/', origin());
    const isOurs = request.method === 'GET' && url.pathname === path && url.searchParams.get('state') === state();
    response.writeHead(isOurs ? 200 : 400, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
      connection: 'close',
    });
    response.end(
      isOurs
        ? page('Back to the terminal', 'Tieline has the answer. You can close this page.')
        : page('Not expected', 'This is not the sign-in that Tieline is waiting for.'),
    );
    if (isOurs) arrive(url);
  });
  const origin = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new TielineError('usage', `port ${options.port} cannot be listened on`, {
          cause,
          hint: 'Choose another with --port.',
        }),
      ),
    );
    server.listen(options.port, '127.0.0.1', resolve);
  });
  const timer = setTimeout(() => {
    refuse(new TielineError('authorization_failed', 'nobody finished the sign-in in time', { hint: 'Start again.' }));
  }, options.timeoutMs);
  return {
    redirectUri: `${origin()}${path}`,
    arrived,
    close() {
      clearTimeout(timer);
      server.close();
      server.closeAllConnections();
    },
  };
}

const page = (title: string, text: string): string =>
  `<!doctype html><meta charset="utf-8"><title>${title}</title><body style="font:16px system-ui;margin:15vh auto;max-width:30em;padding:0 1em"><h1 style="font-size:1.4em">${title}</h1><p>${text}</p>`;
