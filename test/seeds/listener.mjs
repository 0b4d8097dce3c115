import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { text } from 'node:stream/consumers';

/** What a handler throws to answer with a status of its own. */
export class Refusal extends Error {
  constructor(status, body) {
    super(typeof body === 'string' ? body : JSON.stringify(body));
    this.status = status;
    this.body = body;
  }
}

/**
 * A server on 127.0.0.1, with TLS where a certificate is given. `handle` gets `{ method, url, headers, body }` and gives
 * `{ status, headers, json | html | text }`. Gives `{ port, origin, close() }`.
 */
export async function listen(handle, certificate) {
  const answer = async (request, response) => {
    const { method, headers } = request;
    const scheme = certificate ? 'https' : 'http';
    const url = new URL(request.url, `${scheme}://${headers.host}`);
    const given = await text(request);
    const reply = await Promise.resolve()
      .then(() => handle({ method, url, headers, body: given }))
      .catch((error) => {
        if (!(error instanceof Refusal)) return { status: 500, text: String(error?.stack) };
        return { status: error.status, json: error.body };
      });
    const type = reply.html ? 'text/html' : reply.json === undefined ? 'text/plain' : 'application/json';
    response.writeHead(reply.status ?? 200, { 'content-type': `${type}; charset=utf-8`, ...reply.headers });
    response.end(reply.html ?? reply.text ?? (reply.json === undefined ? '' : JSON.stringify(reply.json)));
  };
  const server = certificate ? createSecureServer(certificate, answer) : createServer(answer);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  return {
    port,
    origin: `${certificate ? 'https://localhost' : 'http://127.0.0.1'}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}
