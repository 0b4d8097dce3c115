import { json } from './refusals.ts';

const SCOPES = ['read', 'write'];

/**
 * The API behind the token endpoint: `GET /me` gives `{who}`, and with `?scope=admin` is forbidden to all; `POST /echo`
 * gives `{who, body}`. Refusals are those of RFC 6750 §3.1.
 */
export function resource(
  method: string,
  url: URL,
  authorization: string,
  body: string,
  whose: (accessToken: string) => string | undefined,
) {
  const token = /^Bearer (\S+)$/i.exec(authorization)?.[1] ?? '';
  const who = whose(token);
  const answer = () => {
    if (token === '') return refused(401, 'Bearer realm="faulty"', 'token_missing');
    if (who === undefined) return refused(401, 'Bearer realm="faulty", error="invalid_token"', 'invalid_token');
    const scope = url.searchParams.get('scope');
    if (scope !== null && !SCOPES.includes(scope)) {
      const challenge = `Bearer realm="faulty", error="insufficient_scope", scope="${encodeURIComponent(scope)}"`;
      return refused(403, challenge, 'insufficient_scope');
    }
    if (method === 'GET' && url.pathname === '/me') return json(200, { who });
    if (method === 'POST' && url.pathname === '/echo') return json(200, { who, body });
    return json(404, { error: 'not_found' });
  };
  return { token, answer: answer() };
}

function refused(status: number, challenge: string, error: string) {
  return json(status, { error }, { headers: { 'www-authenticate': challenge } });
}
