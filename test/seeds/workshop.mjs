import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import OAuth1 from 'oauth-1.0a';
import { listen, Refusal } from './listener.mjs';

export const WORKSHOP_KEY = 'workshop-key-4711';
const PASSWORD = 'plane-and-chisel';

const token = (kind) => `${kind}-${randomBytes(12).toString('hex')}`;
const refuse = (status, error) => {
  throw new Refusal(status, { error });
};

/** An API that can be reached in five ways and tells which one it was; it checks each of them. */
export async function startWorkshop({ tieline }) {
  const app = { clientId: 'workshop-client', clientSecret: 'workshop-secret-of-this-run' };
  const sessions = new Set();
  const ticket = token('ticket');
  const codes = new Map();
  const bearers = new Map();
  const refreshTokens = new Set();
  const oauth1Tokens = new Map();
  const state = { isActive: true, renewals: 0, refreshes: 0 };

  const oauth1 = new OAuth1({
    consumer: { key: app.clientId, secret: app.clientSecret },
    signature_method: 'HMAC-SHA1',
    hash_function: (base, key) => createHmac('sha1', key).update(base).digest('base64'),
  });

  /** The parameters of a request that is signed as RFC 5849 says. */
  function signed({ method, url, headers }) {
    const pairs = [...(headers.authorization ?? '').matchAll(/(\w+)="([^"]*)"/g)];
    const given = Object.fromEntries(pairs.map(([, name, value]) => [name, decodeURIComponent(value)]));
    const { oauth_signature: signature, realm: _, ...parameters } = given;
    const data = { ...parameters, ...Object.fromEntries(url.searchParams) };
    const secret = oauth1Tokens.get(parameters.oauth_token)?.secret ?? '';
    const expected = oauth1.getSignature({ url: `${url.origin}${url.pathname}`, method, data: {} }, secret, data);
    if (parameters.oauth_consumer_key !== app.clientId || signature !== expected) refuse(401, 'the signature is wrong');
    return parameters;
  }
  const grant1 = (more) => {
    const key = token('oauth1');
    oauth1Tokens.set(key, { secret: token('secret'), ...more });
    return {
      text: new URLSearchParams({
        oauth_token: key,
        oauth_token_secret: oauth1Tokens.get(key).secret,
        oauth_callback_confirmed: 'true',
      }).toString(),
    };
  };

  async function whoAsks(request) {
    const { url, headers } = request;
    const [scheme, value = ''] = (headers.authorization ?? '').split(' ');
    if (sessions.has(headers['x-workshop-session'])) {
      return { via: 'key', region: headers['x-workshop-region'], plan: url.searchParams.get('plan') };
    }
    if (scheme === 'Basic' && Buffer.from(value, 'base64').toString() === `ada:${PASSWORD}`) {
      return { via: 'password', region: headers['x-workshop-region'] };
    }
    if (scheme === 'OAuth' && oauth1Tokens.get(signed(request).oauth_token)?.isFinal) return { via: 'oauth1' };
    if (scheme === 'Bearer' && bearers.has(value)) return { via: 'oauth2', bench: headers['x-workshop-bench'] };
    if (scheme === 'Bearer' && value.split('.').length === 3) {
      const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', tieline()));
      const expected = { issuer: new URL(tieline()).origin, audience: url.origin };
      const { payload } = await jwtVerify(value, keys, expected).catch((error) => refuse(401, error.message));
      return { via: 'host', role: payload.role, hasUser: typeof payload.sub === 'string' };
    }
    return refuse(401, 'nobody the workshop knows');
  }

  const answerToken = ({ headers, body }) => {
    const form = new URLSearchParams(body);
    const client = `Basic ${Buffer.from(`${app.clientId}:${app.clientSecret}`).toString('base64')}`;
    if (headers.authorization !== client) refuse(401, 'invalid_client');
    if (form.get('grant_type') === 'refresh_token') {
      if (!refreshTokens.delete(form.get('refresh_token'))) refuse(400, 'invalid_grant');
      state.refreshes += 1;
    } else {
      const challenge = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url');
      if (codes.get(form.get('code')) !== challenge) refuse(400, 'invalid_grant');
      codes.delete(form.get('code'));
    }
    const answer = { access_token: token('access'), refresh_token: token('refresh'), expires_in: 3_600 };
    bearers.set(answer.access_token, true);
    refreshTokens.add(answer.refresh_token);
    return { json: { ...answer, token_type: 'Bearer', bench: 7 } };
  };

  const answerAuthorize = ({ url }) => {
    const asked = url.searchParams;
    if (asked.get('audience') !== 'workshop' || asked.get('code_challenge_method') !== 'S256')
      refuse(400, 'invalid_request');
    const code = token('code');
    codes.set(code, asked.get('code_challenge'));
    return back(asked.get('redirect_uri'), { code, state: asked.get('state') });
  };

  const session = () => {
    const made = token('session');
    sessions.add(made);
    return { session: made, seconds: 3_600 };
  };

  const routes = {
    'POST /v1/login': ({ body }) =>
      JSON.parse(body).key === WORKSHOP_KEY ? { json: { ...session(), ticket, level: 5 } } : refuse(403, 'unknown key'),
    'POST /v1/renew': ({ body }) => {
      if (JSON.parse(body).ticket !== ticket) refuse(403, 'unknown ticket');
      state.renewals += 1;
      return { json: session() };
    },
    'GET /v1/me': async (request) => ({ json: { active: state.isActive, ...(await whoAsks(request)) } }),
    'GET /v1/bench/me': async (request) => ({ json: { bench: true, ...(await whoAsks(request)) } }),
    'GET /oauth/authorize': answerAuthorize,
    'POST /oauth/token': answerToken,
    'POST /oauth1/request': (request) => grant1({ callback: signed(request).oauth_callback }),
    'GET /oauth1/authorize': ({ url }) => {
      const key = url.searchParams.get('oauth_token');
      const asked = oauth1Tokens.get(key) ?? refuse(400, 'unknown token');
      asked.verifier = token('verifier');
      return back(asked.callback, { oauth_token: key, oauth_verifier: asked.verifier });
    },
    'POST /oauth1/token': (request) => {
      const { oauth_token: key, oauth_verifier: verifier } = signed(request);
      if (verifier === undefined || verifier !== oauth1Tokens.get(key)?.verifier) refuse(401, 'wrong verifier');
      oauth1Tokens.delete(key);
      return grant1({ isFinal: true });
    },
  };
  const server = await listen((request) => {
    const route = routes[`${request.method} ${request.url.pathname}`];
    return route ? route(request) : refuse(404, 'there is no such path');
  });
  return {
    ...server,
    app: { baseUrl: server.origin, ...app },
    password: PASSWORD,
    state,
    expire: () => {
      sessions.clear();
      bearers.clear();
    },
  };
}

function back(address, parameters) {
  const url = new URL(address);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return { status: 302, headers: { location: url.href } };
}
