import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type TokenRequest = { readonly headers: IncomingHttpHeaders; readonly body: URLSearchParams };

/** How the next requests are answered. */
export type TokenAnswer = (response: ServerResponse, request: TokenRequest) => void;

/** A token endpoint that answers as it is told to. */
export type TokenServer = {
  readonly url: string;
  readonly seen: TokenRequest[];
  answer: TokenAnswer;
  close(): Promise<void>;
};

export async function startTokenServer(answer: TokenAnswer = tokens({ access_token: 'first' })): Promise<TokenServer> {
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    const seen = { headers: request.headers, body: new URLSearchParams(text) };
    it.seen.push(seen);
    it.answer(response, seen);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const it: TokenServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [],
    answer,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return it;
}

export const tokens = (body: Record<string, unknown>): TokenAnswer => answering(200, JSON.stringify(body));

export const answering =
  (
    status: number,
    text: string,
    headers: Record<string, string> = { 'content-type': 'application/json' },
  ): TokenAnswer =>
  (response) =>
    void response.writeHead(status, headers).end(text);

export const reset: TokenAnswer = (response) => void response.socket?.resetAndDestroy();
