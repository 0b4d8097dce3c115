import { parseJson } from '../json.ts';
import type { HttpResponse } from '../network/send.ts';

/** Seconds, a hundred years: what is longer means never, and would not stay a number once stored. */
const LONGEST_LIFE = 100 * 365 * 24 * 60 * 60;

/**
 * A token endpoint's answer in the form of RFC 6749 §5, for answers that carry the right facts in another form:
 * form-encoded (GitHub without Accept), an error with status 200 (GitHub, Slack), expires_in as text, scopes as a list
 * (Twitch), nothing as null or as an empty text. The token type is `bearer` whatever it is called (Slack: `bot`), as
 * the definition says how a token is sent. ID tokens are dropped: who the account is comes from the connector's identity
 * request. So are headers: a challenge beside `invalid_client`, which RFC 6749 §5.2 asks for, would hide that error.
 */
export function normaliseTokenResponse(response: HttpResponse, found: Found = {}): Response {
  const body = { ...parseTokenResponse(response), ...renamed(found) };
  const { id_token: _, token_type: __, expires_in: expiresIn, scope, ...rest } = present(body);
  const failed = typeof rest.error === 'string' && rest.access_token === undefined;
  const seconds = typeof expiresIn === 'string' || typeof expiresIn === 'number' ? Number(expiresIn) : 0;
  const normal = {
    ...rest,
    ...(scope !== undefined && { scope: Array.isArray(scope) ? scope.join(' ') : scope }),
    ...(rest.access_token !== undefined && { token_type: 'bearer' }),
    ...(seconds > 0 && { expires_in: Math.min(seconds, LONGEST_LIFE) }),
  };
  return new Response(JSON.stringify(normal), {
    status: normalStatus(response.status, failed),
    headers: { 'content-type': 'application/json' },
  });
}

/** Tokens that the definition found elsewhere in the answer. */
type Found = { readonly accessToken?: string; readonly refreshToken?: string };

const renamed = ({ accessToken, refreshToken }: Found) => ({
  ...(accessToken !== undefined && { access_token: accessToken }),
  ...(refreshToken !== undefined && { refresh_token: refreshToken }),
});

/** Any success is 200. What a `Response` cannot have, or what nobody follows here, counts as a broken provider. */
function normalStatus(status: number, failed: boolean): number {
  if (status >= 400 && status < 600) return status;
  if (failed) return 400;
  return status >= 200 && status < 300 ? 200 : 502;
}

function present(body: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null && value !== ''));
}

export function parseTokenResponse({ bytes, headers }: HttpResponse): Record<string, unknown> {
  const text = Buffer.from(bytes).toString('utf8');
  if (/^application\/x-www-form-urlencoded\b/i.test(headers['content-type'] ?? '')) {
    return Object.fromEntries(new URLSearchParams(text));
  }
  try {
    const value: unknown = parseJson(text);
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {};
  }
}
