import { BoundedMap, bound } from '../../bounded.ts';
import { isTielineError } from '../../errors.ts';
import type { Engine } from '../../execute/engine.ts';
import { parseJson } from '../../json.ts';
import { log } from '../../log.ts';
import { Overtaken, Turnover } from '../../turnover.ts';
import { readClientMetadata } from './client.ts';

const DOCUMENT = bound({
  name: 'a client document',
  entries: 1,
  bytes: 16 * 1024,
  atBound: 'the client is refused',
});
const TIMEOUT = 4_000;
/** How many are fetched at once. Anybody can cause it, and a host that hangs has to make room for others. */
const MOST_AT_ONCE = 8;

const FAILED = bound({
  name: 'client documents that could not be used',
  entries: 1_000,
  bytes: 1024 * 1024,
  ms: 60_000,
  atBound: 'the document asked for longest ago is fetched again',
});

/** Fetches client documents: a few at once, one that could not be used not again for a minute. */
export function clientDocuments(engine: Pick<Engine, 'sender'>): (address: string) => Promise<Response> {
  const failed = new BoundedMap<number>(FAILED, () => 8);
  const fetching = new Turnover(MOST_AT_ONCE);
  return async (address) => {
    const status = failed.get(address);
    if (status !== undefined) return new Response(null, { status });
    const site = new URL(address).hostname.split('.').slice(-2).join('.');
    let response: Response;
    try {
      response = await fetching.run(site, TIMEOUT, (signal) => fetchClientDocument(engine, address, signal));
    } catch (error) {
      response = refuse(address, error instanceof Error ? error.message : 'it could not be fetched');
      // It was others who took too long.
      if (error instanceof Overtaken) return response;
    }
    if (!response.ok) failed.set(address, response.status);
    return response;
  };
}

/**
 * Fetches a client ID metadata document (draft-ietf-oauth-client-id-metadata-document) through the guard, without
 * redirects, and gives it as oidc-provider is to see it. A document that cannot be used is answered as a failure of the
 * host.
 */
async function fetchClientDocument(
  { sender }: Pick<Engine, 'sender'>,
  address: string,
  signal: AbortSignal,
): Promise<Response> {
  const url = new URL(address);
  try {
    const { status, headers, bytes } = await sender.send(
      { method: 'GET', url, headers: { accept: 'application/json' } },
      {
        allowedHosts: new Set([url.host]),
        followRedirects: false,
        maxBytes: DOCUMENT.bytes,
        timeouts: { totalMs: TIMEOUT },
        signal,
      },
    );
    if (status !== 200) return refuse(address, `the host answers with status ${status}`);
    if (!/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(String(headers['content-type'] ?? ''))) {
      return refuse(address, 'it is not JSON by its content type');
    }
    const document: unknown = parseJson(Buffer.from(bytes).toString('utf8'));
    const read = readClientMetadata(document);
    if ('problem' in read) return refuse(address, read.problem);
    const { client_id: id, client_secret: secret } = document as Record<string, unknown>;
    const { token_endpoint_auth_method: method = 'none', ...client } = read.client;
    // What stands in a public document is no secret.
    if (method !== 'none' || secret !== undefined) return refuse(address, 'it cannot authenticate by a secret');
    const cache = headers['cache-control'];
    return Response.json(
      { ...client, client_id: id, token_endpoint_auth_method: 'none' },
      { headers: cache === undefined ? {} : { 'cache-control': String(cache) } },
    );
  } catch (error) {
    if (signal.aborted || (!isTielineError(error) && !(error instanceof SyntaxError))) throw error;
    return refuse(address, isTielineError(error) ? error.message : 'it is not JSON');
  }
}

function refuse(address: string, why: string): Response {
  log.info('the metadata document of a client cannot be used', { client: address, why });
  return new Response(null, { status: 502 });
}
