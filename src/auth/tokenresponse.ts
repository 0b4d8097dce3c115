import type { HttpResponse } from '../network/send.ts';

/**
 * A token endpoint's answer in the form of RFC 6749 §5, for answers that carry the right facts in another form:
 * form-encoded (GitHub without Accept), an error with status 200 (GitHub, Slack), expires_in as text, token_type
 * missing. ID tokens are dropped: who the account is comes from the connector's identity request.
 */
export function normaliseTokenResponse(response: HttpResponse): Response {
  const text = Buffer.from(response.bytes).toString('utf8');
  const body = parseBody(text, response.headers['content-type'] ?? '');
  const headers = new Headers({ 'content-type': 'application/json' });
  const challenge = response.headers['www-authenticate'];
  if (challenge !== undefined) headers.set('www-authenticate', challenge);
  if (!body) return new Response(JSON.stringify({}), { status: response.status, headers });
  const { id_token: _, expires_in: expiresIn, token_type: tokenType, ...rest } = body;
  const failed = typeof body.error === 'string' && body.access_token === undefined;
  const seconds = Number(expiresIn);
  const normal = {
    ...rest,
    ...(!failed && { token_type: typeof tokenType === 'string' ? tokenType : 'bearer' }),
    ...(expiresIn !== undefined && Number.isFinite(seconds) && seconds > 0 && { expires_in: seconds }),
  };
  const status = failed && response.status < 400 ? 400 : response.status === 201 ? 200 : response.status;
  return new Response(JSON.stringify(normal), { status, headers });
}

function parseBody(text: string, type: string): Record<string, unknown> | undefined {
  if (type.includes('application/x-www-form-urlencoded')) return Object.fromEntries(new URLSearchParams(text));
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === 'object' && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
