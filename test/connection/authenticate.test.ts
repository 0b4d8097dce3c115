import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findConnection } from '../../src/connection/record.ts';
import { createConnection } from '../../src/connection/save.ts';
import { alice, failureOf } from '../execute/stage.ts';
import { CERTIFICATE, KEY } from '../sql/certificate.ts';
import { LOGIN_CERTIFICATE, LOGIN_KEY } from './certificate.ts';
import {
  type Api,
  bearing,
  only,
  openDesk,
  openPlace,
  type Reply,
  SECRET,
  type Seen,
  savingOf,
  startApi,
} from './place.ts';

const API = { cert: CERTIFICATE, key: KEY };

/** A token endpoint that gives a token to a request that is as it should be. */
const giving = (isRight: (it: Seen) => boolean) => (it: Seen) =>
  isRight(it) ? { body: { access_token: 'token-from-login', expires_in: '3600' } } : { status: 400 };

type Case = {
  readonly api: (it: Seen) => Reply;
  readonly login?: (it: Seen) => Reply;
  readonly auth: (login: Api) => object;
  readonly more?: object;
};

const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
const bearerLogin = { tokenTrustedCa: LOGIN_CERTIFICATE, outputs: { token: "body['access_token']" } };

const CASES: Readonly<Record<string, Case>> = {
  none: { api: only((it) => it.headers.authorization === undefined), auth: () => ({ type: 'none' }) },
  basic: { api: bearing(basic('ada', SECRET)), auth: () => ({ type: 'basic', username: 'ada', password: SECRET }) },
  'basic without a password': { api: bearing(basic('ada', '')), auth: () => ({ type: 'basic', username: 'ada' }) },
  'a raw token': { api: bearing(`Bearer ${SECRET}`), auth: () => ({ type: 'raw_bearer_token', token: SECRET }) },
  'a raw token, bare, in a header of its own': {
    api: bearing(SECRET, 'x-desk'),
    auth: () => ({ type: 'raw_bearer_token', header: 'X-Desk', prefix: '', token: SECRET }),
  },
  'an API key in the query': {
    api: only((it) => new URL(it.url, 'http://x').searchParams.get('k') === SECRET),
    auth: () => ({ type: 'api_key', in: 'query', name: 'k', apiKey: SECRET }),
  },
  'a token by request: form, parameters, headers': {
    api: bearing('Token token-from-login', 'x-auth'),
    login: giving(
      (it) =>
        it.method === 'PUT' &&
        it.url === '/base/auth/token?v=1&tenant=main&x=a+b' &&
        it.headers['x-client'] === 'desk' &&
        it.headers['content-type'] === 'application/x-www-form-urlencoded' &&
        it.body === `user=ada&password=${SECRET}`,
    ),
    auth: (login) => ({
      ...bearerLogin,
      type: 'http_bearer_token',
      header: 'X-Auth',
      prefix: 'Token',
      method: 'PUT',
      tokenBaseUrl: `${login.url}/base/`,
      path: '/auth/token?v=1',
      params: { tenant: '{{tenant}}', x: 'a b' },
      headers: { 'X-Client': '{{client}}' },
      body: { form: { user: '{{ user }}', password: '{{key}}' } },
      outputs: { token: "body['access_token']", expiration: "body['expires_in']" },
    }),
    more: { secrets: { key: SECRET }, parameters: { tenant: 'main', client: 'desk', user: 'ada' } },
  },
  'a token by request: raw JSON, whose texts stay texts': {
    api: bearing('Bearer token-from-login'),
    login: giving((it) => it.body === JSON.stringify({ user: 'a"da', pin: 7, pw: SECRET })),
    auth: (login) => ({
      ...bearerLogin,
      type: 'http_bearer_token',
      tokenBaseUrl: login.url,
      path: 'login',
      body: { raw: '{"user": "{{user}}", "pin": {{pin}}, "pw": "{{pw}}"}' },
    }),
    more: { secrets: { pw: SECRET }, parameters: { user: 'a"da', pin: 7 } },
  },
  'a token by request: a body that is neither': {
    api: bearing('Bearer token-from-login'),
    login: giving((it) => it.body === `<pw>${SECRET}</pw>` && it.headers['content-type'] === 'text/xml'),
    auth: (login) => ({
      ...bearerLogin,
      type: 'http_bearer_token',
      tokenBaseUrl: login.url,
      path: '/login',
      headers: { 'Content-Type': 'text/xml' },
      body: { raw: '<pw>{{pw}}</pw>' },
    }),
    more: { secrets: { pw: SECRET } },
  },
  'a token by request that is redirected': {
    api: bearing('Bearer token-from-login'),
    login: (it) =>
      it.url === '/old' ? { status: 307, headers: { location: '/new' } } : giving(({ url }) => url === '/new')(it),
    auth: (login) => ({
      ...bearerLogin,
      type: 'http_bearer_token',
      method: 'GET',
      tokenBaseUrl: login.url,
      path: '/old',
      followRedirect: true,
    }),
  },
  'client credentials in the body': {
    api: bearing('Bearer token-from-login'),
    login: (it) => {
      const form = new URLSearchParams(it.body);
      const fits = form.get('client_id') === 'me' && form.get('client_secret') === SECRET;
      return fits && form.get('scope') === 'read write' && form.get('grant_type') === 'client_credentials'
        ? { body: { access_token: 'token-from-login', token_type: 'bearer', expires_in: 60 } }
        : { status: 401, body: { error: 'invalid_client' } };
    },
    auth: (login) => ({
      type: 'client_credentials',
      tokenUrl: `${login.url}/token`,
      clientId: 'me',
      clientSecret: SECRET,
      scope: 'read write',
      trustedCa: LOGIN_CERTIFICATE,
    }),
  },
  'client credentials in the header': {
    api: bearing('Bearer token-from-login'),
    login: (it) =>
      it.headers.authorization === basic('me', encodeURIComponent(SECRET))
        ? { body: { access_token: 'token-from-login', token_type: 'bearer' } }
        : { status: 401, body: { error: 'invalid_client' } },
    auth: (login) => ({
      type: 'client_credentials',
      tokenUrl: `${login.url}/token`,
      clientId: 'me',
      clientSecret: SECRET,
      clientAuth: 'basic_auth',
      trustedCa: LOGIN_CERTIFICATE,
    }),
  },
  'another option of the definition format, as it is': {
    api: only((it) => /^[0-9a-f]{64}$/.test(String(it.headers['x-signature'])) && it.headers['x-client'] === 'me'),
    auth: () => ({
      type: 'hmac',
      key: '{{signing}}',
      content: '{{ request.path }}',
      header: 'X-Signature',
      headers: { 'X-Client': '{{client}}' },
    }),
    more: { secrets: { signing: SECRET }, parameters: { client: 'me' } },
  },
};

describe('authenticates, tests and calls over TLS of one’s own authority', () => {
  it.each(Object.entries(CASES))('%s', async (_, { api: answer, login: give, auth, more }) => {
    const api = await startApi(answer, API);
    const login = await startApi(give ?? (() => ({ status: 500 })), { cert: LOGIN_CERTIFICATE, key: LOGIN_KEY });
    const { place, call, folder } = await openPlace();
    const given = {
      baseUrl: `${api.url}/api/`,
      testPath: '/health',
      trustedCa: CERTIFICATE,
      auth: auth(login),
      ...more,
    };
    const saved = await createConnection(place, savingOf(given));
    expect(saved).toEqual({ connector: 'desk', lockVersion: 1, tested: true });
    expect(api.seen.at(-1)?.url).toMatch(/^\/api\/health/);
    expect(await call('requests.get', { path: '/a b/é/', query: { q: 'x&y', n: [1, 2] } })).toEqual({
      status: 200,
      body: { ok: true },
    });
    expect(api.seen.at(-1)?.url).toMatch(/^\/api\/a%20b\/%C3%A9\/\?q=x%26y&n=1&n=2/);
    const text = await readFile(join(folder, 'desk', 'connector.yaml'), 'utf8');
    const record = await findConnection(place.engine.keystore, alice, 'desk');
    expect(text + JSON.stringify(record?.value)).not.toContain(SECRET);
  });
});

describe('an authority that nobody has named', () => {
  it.each([
    [
      'tokenTrustedCa',
      (url: string) => ({ type: 'http_bearer_token', outputs: bearerLogin.outputs, tokenBaseUrl: url, path: '/' }),
    ],
    [
      'auth.trustedCa',
      (url: string) => ({ type: 'client_credentials', tokenUrl: url, clientId: 'me', clientSecret: SECRET }),
    ],
  ])('names %s where the token host is of an authority that nobody has named', async (field, auth) => {
    const login = await startApi(() => ({}), { cert: LOGIN_CERTIFICATE, key: LOGIN_KEY });
    const { place, saving } = await openDesk({ auth: auth(login.url) });
    const { code, message, hint } = await failureOf(createConnection(place, saving));
    expect([code, hint]).toEqual(['refresh_failed', expect.stringContaining(`in PEM, as ${field} of the connection`)]);
    expect(message).toContain(`${login.host} could not be trusted`);
    expect(login.seen).toEqual([]);
  });

  it('names trustedCa where the API is', async () => {
    const api = await startApi(() => ({}), API);
    const { place, saving } = await openDesk({ baseUrl: api.url });
    const failure = await failureOf(createConnection(place, saving));
    expect(failure).toMatchObject({ code: 'upstream_unreachable', hint: expect.stringContaining('as trustedCa') });
  });
});
