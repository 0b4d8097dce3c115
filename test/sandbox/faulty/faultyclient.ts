import type { FaultyOAuth } from '../../../src/sandbox/faulty/faultyoauth.ts';

type Answered = { status?: number; type?: string | null; headers?: Headers; text: string; error?: string };

/** A token request of a client with no sense of its own. `error` is the code of a connection that broke. */
export async function refresh(
  provider: Pick<FaultyOAuth, 'url' | 'clientId' | 'clientSecret'>,
  refreshToken: string,
  init: { redirect?: 'follow' | 'manual'; signal?: AbortSignal } = {},
): Promise<Answered> {
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    client_id: provider.clientId,
    client_secret: provider.clientSecret,
  });
  return await post(provider, body, { redirect: 'manual', ...init });
}

export async function post(
  { url }: Pick<FaultyOAuth, 'url'>,
  body: URLSearchParams,
  init: { redirect?: 'follow' | 'manual'; signal?: AbortSignal; headers?: Record<string, string> } = {},
): Promise<Answered> {
  try {
    const response = await fetch(`${url}/token`, { method: 'POST', body, ...init });
    const { status, headers } = response;
    return { status, headers, type: headers.get('content-type'), text: await response.text() };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { text: '', error: cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause) };
  }
}

/** `GET /me` with this token, or another request. */
export function api(
  { url }: Pick<FaultyOAuth, 'url'>,
  token: string | undefined,
  { path = '/me', ...init }: { path?: string; method?: string; body?: string } = {},
): Promise<Response> {
  return fetch(url + path, { ...init, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });
}
