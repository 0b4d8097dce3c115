import type { HttpRequest } from '../network/send.ts';

/** A request as the expressions that sign it see it: `request.<name>`. */
export function requestView({ method, url, headers, body }: HttpRequest): Readonly<Record<string, unknown>> {
  return {
    method,
    url: url.href,
    host: url.host,
    path: url.pathname,
    query: url.search.slice(1),
    headers,
    body: typeof body === 'string' ? body : body instanceof Uint8Array ? Buffer.from(body).toString('utf8') : '',
  };
}
