/** An answer over the wire; `cut` closes the connection without one, `reset` sends a TCP reset. */
export type Answer =
  | { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }
  | 'cut'
  | 'reset';

const TRACE = '0f1e2d3c-4b5a-4968-8776-655443322100';
const CORRELATION = '00112233-4455-4677-8899-aabbccddeeff';
const REVOKED_AT = '2026-01-02 03:04:05Z';
const GITHUB_HELP =
  'https://docs.github.com/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/#bad-verification-code';

const gitHubBody = {
  error: 'bad_refresh_token',
  error_description: 'The refresh token passed is incorrect or expired.',
  error_uri: GITHUB_HELP,
};

/** oauth2.googleapis.com/token, which indents its JSON. */
export const google = json(
  400,
  { error: 'invalid_grant', error_description: 'Token has been expired or revoked.' },
  { indent: 2, charset: 'utf-8' },
);

/** login.microsoftonline.com/…/oauth2/v2.0/token after a password change (AADSTS50173). */
export const microsoft = json(
  400,
  {
    error: 'invalid_grant',
    error_description:
      'AADSTS50173: The provided grant has expired due to it being revoked, a fresh auth token is needed. ' +
      "The user might have changed or reset their password. The grant was issued on '2026-01-01T00:00:00.0000000Z' " +
      'and the TokensValidFrom date (before which tokens are not valid) for this user is ' +
      `'2026-01-02T00:00:00.0000000Z'.\r\nTrace ID: ${TRACE}\r\nCorrelation ID: ${CORRELATION}\r\nTimestamp: ${REVOKED_AT}`,
    error_codes: [50173],
    timestamp: REVOKED_AT,
    trace_id: TRACE,
    correlation_id: CORRELATION,
    error_uri: 'https://login.microsoftonline.com/error?code=50173',
    suberror: 'bad_token',
  },
  { charset: 'utf-8' },
);

/** login.salesforce.com/services/oauth2/token */
export const salesforce = json(
  400,
  { error: 'invalid_grant', error_description: 'expired access/refresh token' },
  { charset: 'UTF-8' },
);

/** slack.com/api/oauth.v2.access, which fails with status 200. */
export const slackRevoked = json(200, { ok: false, error: 'token_revoked' }, { charset: 'utf-8' });

/** Slack documents this one as passing trouble of its own, and not as anything about the token. */
export const slackTrouble = json(200, { ok: false, error: 'internal_error' }, { charset: 'utf-8' });

export const slackLimit = json(429, { ok: false, error: 'ratelimited' }, { charset: 'utf-8' });

/** github.com/login/oauth/access_token, asked with `Accept: application/json`. */
export const gitHub = json(200, gitHubBody, { charset: 'utf-8' });

/** The same without that header. */
export const gitHubForm = form(gitHubBody);

/** RFC 6749 §5.2: a client that used the Authorization header gets 401 and the scheme. */
export const invalidClient = json(
  401,
  { error: 'invalid_client', error_description: 'Client authentication failed.' },
  { headers: { 'www-authenticate': 'Basic realm="faulty"' } },
);

export const unauthorizedClient = refusal('unauthorized_client', 'The client may not use this grant type.');

/** Named by RFC 6749 §4.1.2.1 for the authorization endpoint, where no 503 can be sent; seen at token endpoints too. */
export const unavailable = refusal('temporarily_unavailable', 'The server is temporarily too busy.');

/** RFC 6749 §5.2. */
export function refusal(error: string, description: string): Answer {
  return json(400, { error, error_description: description });
}

type JsonForm = { headers?: Readonly<Record<string, string>>; charset?: string; indent?: number };

export function json(status: number, body: unknown, { headers = {}, charset, indent }: JsonForm = {}) {
  const type = charset === undefined ? 'application/json' : `application/json; charset=${charset}`;
  // RFC 6749 §5.1: neither tokens nor refusals may be cached.
  const all = { 'content-type': type, 'cache-control': 'no-store', pragma: 'no-cache', ...headers };
  return { status, headers: all, body: JSON.stringify(body, undefined, indent) };
}

export function form(body: Readonly<Record<string, string>>) {
  const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8', 'cache-control': 'no-store' };
  return { status: 200, headers, body: new URLSearchParams(body).toString() };
}

export function page(status: number, title: string) {
  const body = `<!DOCTYPE html>\n<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`;
  return { status, headers: { 'content-type': 'text/html; charset=utf-8' }, body };
}
