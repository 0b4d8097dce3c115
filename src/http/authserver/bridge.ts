import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { toFetchResponse, toReqRes } from 'fetch-to-node';

type Exchange = {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly response: () => Promise<Response>;
};

/**
 * A request as oidc-provider takes it. It sees the server's public address, whatever stands between this process and
 * the browser: that is what it makes addresses and cookies of.
 */
export async function nodeExchange(request: Request, publicUrl: string): Promise<Exchange> {
  const { protocol, host, pathname: base } = new URL(publicUrl);
  const { pathname, search } = new URL(request.url);
  const headers = new Headers(request.headers);
  headers.set('host', host);
  // CORS is answered outside, alike for all clients.
  headers.delete('origin');
  const body = request.body ? await request.arrayBuffer() : undefined;
  if (body) headers.set('content-length', String(body.byteLength));
  const { req, res } = toReqRes(
    new Request(`${protocol}//${host}${pathname}${search}`, {
      method: request.method,
      headers,
      ...(body && { body }),
    }),
  );
  const mount = base.replace(/\/$/, '');
  Object.defineProperty(req, 'socket', { value: { encrypted: protocol === 'https:', remoteAddress: '' } });
  Object.assign(req, { originalUrl: `${mount}${req.url}` });
  return { incoming: req, outgoing: res, response: () => toFetchResponse(res) };
}

/** What a handler for Node's own requests answers. */
export async function answerBy(handler: RequestListener, request: Request, publicUrl: string): Promise<Response> {
  const { incoming, outgoing, response } = await nodeExchange(request, publicUrl);
  handler(incoming, outgoing);
  return response();
}
