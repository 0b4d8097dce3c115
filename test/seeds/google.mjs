import { createHash, randomBytes } from 'node:crypto';
import { Refusal } from './listener.mjs';

const LIFE = 3_599;
const newToken = (prefix) => `${prefix}${randomBytes(18).toString('base64url')}`;

/**
 * The sign-in of Google for one person and one client: a consent page, codes that hold to PKCE (RFC 7636, S256) and are
 * good once, and a token endpoint that gives another access token each time.
 */
export function googleAccounts({ person, clientId, clientSecret, callback }) {
  const codes = new Map();
  const refreshTokens = new Set();
  const accessTokens = new Set();
  const grants = [];

  const newAccessToken = () => {
    const token = newToken('ya29.');
    accessTokens.add(token);
    return token;
  };
  const newRefreshToken = () => {
    const token = newToken('1//');
    refreshTokens.add(token);
    return token;
  };

  function authorize({ method, url, body }) {
    const asked = url.searchParams;
    if (url.pathname !== '/o/oauth2/v2/auth') throw new Refusal(404, { error: 'not_found' });
    const wanted = {
      response_type: 'code',
      client_id: clientId,
      redirect_uri: callback(),
      code_challenge_method: 'S256',
      access_type: 'offline',
      prompt: 'consent',
      scope: 'https://www.googleapis.com/auth/gmail.modify',
    };
    for (const [name, value] of Object.entries(wanted)) {
      if (asked.get(name) !== value) throw invalid('invalid_request', `${name} is ${asked.get(name)}, not ${value}`);
    }
    for (const name of ['state', 'code_challenge'])
      if (!asked.get(name)) throw invalid('invalid_request', `no ${name}`);
    if (method === 'GET') return { html: consentPage(person) };
    const back = new URL(asked.get('redirect_uri'));
    back.searchParams.set('state', asked.get('state'));
    if (new URLSearchParams(body).get('answer') === 'allow') {
      const code = newToken('4/');
      codes.set(code, { challenge: asked.get('code_challenge'), redirectUri: asked.get('redirect_uri') });
      back.searchParams.set('code', code);
    } else back.searchParams.set('error', 'access_denied');
    return { status: 302, headers: { location: back.href } };
  }

  function token({ method, url, headers, body }) {
    if (method !== 'POST' || url.pathname !== '/token') throw new Refusal(404, { error: 'not_found' });
    if (!headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
      throw invalid('invalid_request', 'not a form');
    }
    const form = new URLSearchParams(body);
    if (form.get('client_id') !== clientId || form.get('client_secret') !== clientSecret) {
      throw new Refusal(401, { error: 'invalid_client', error_description: 'The OAuth client was not found.' });
    }
    const grant = form.get('grant_type');
    if (grant === 'refresh_token') {
      if (!refreshTokens.has(form.get('refresh_token'))) throw invalid('invalid_grant', 'Token has been revoked.');
    } else if (grant === 'authorization_code') redeem(form);
    else throw invalid('unsupported_grant_type', `Invalid grant_type: ${grant}`);
    grants.push(grant);
    const first = grant === 'authorization_code' && { refresh_token: newRefreshToken() };
    const scope = 'https://www.googleapis.com/auth/gmail.modify';
    return { json: { access_token: newAccessToken(), expires_in: LIFE, scope, token_type: 'Bearer', ...first } };
  }

  function redeem(form) {
    const code = codes.get(form.get('code'));
    codes.delete(form.get('code'));
    const verifier = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    if (!code || code.challenge !== verifier) throw invalid('invalid_grant', 'Invalid code verifier.');
    if (code.redirectUri !== form.get('redirect_uri')) throw invalid('redirect_uri_mismatch', 'Bad Request');
  }

  return {
    authorize,
    token,
    grants,
    newAccessToken,
    newRefreshToken,
    isGood: (it) => accessTokens.has(it),
    expireAccessTokens: () => accessTokens.clear(),
  };
}

const invalid = (error, description) => new Refusal(400, { error, error_description: description });

const consentPage = (person) => `<!doctype html><title>Sign in</title><h1>Sign in as ${person}</h1>
<form method="post"><button name="answer" value="allow">Allow</button><button name="answer" value="deny">Cancel</button></form>`;
