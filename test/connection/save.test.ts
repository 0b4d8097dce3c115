import { existsSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { merged } from '../../src/connection/connection.ts';
import { testConnection } from '../../src/connection/probe.ts';
import { findConnection } from '../../src/connection/record.ts';
import { createConnection, openConnection, removeConnection, updateConnection } from '../../src/connection/save.ts';
import { readIntegrations } from '../../src/integration/accounts.ts';
import { alice, bob, failureOf } from '../execute/stage.ts';
import { CERTIFICATE, KEY } from '../sql/certificate.ts';
import { LOGIN_CERTIFICATE, LOGIN_KEY } from './certificate.ts';
import { type Api, openPlace, type Reply, type Seen, savingOf, startApi } from './place.ts';

const SECRET = 'the-secret-0123456789';
const API = { cert: CERTIFICATE, key: KEY };

/** Answers who is right, and 401 to everybody else. */
const only =
  (isRight: (it: Seen) => boolean) =>
  (it: Seen): Reply =>
    isRight(it) ? { body: { ok: true } } : { status: 401, body: { error: 'who are you?' } };

const bearing = (value: string, header = 'authorization') => only((it) => it.headers[header] === value);

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

const GIVEN = { testPath: '/health', auth: { type: 'raw_bearer_token', token: SECRET } };

async function desk(given: object = {}) {
  const api = await startApi(bearing(`Bearer ${SECRET}`));
  const opened = await openPlace();
  const saving = savingOf({ baseUrl: api.url, ...GIVEN, ...given });
  return { api, ...opened, saving };
}

describe('creating', () => {
  it('writes a private file, and nothing else beside it', async () => {
    const { place, folder, saving } = await desk();
    await createConnection(place, saving);
    const modes = await Promise.all(
      [folder, join(folder, 'desk'), join(folder, 'desk', 'connector.yaml')].map(async (it) => (await stat(it)).mode),
    );
    expect(modes.map((it) => it & 0o777)).toEqual([0o700, 0o700, 0o600]);
    expect(await readdir(join(folder, 'desk'))).toEqual(['connector.yaml']);
  });

  it('leaves nothing behind when the API refuses', async () => {
    const { place, folder, api, saving } = await desk();
    api.answer = () => ({ status: 401 });
    const { code, message } = await failureOf(createConnection(place, saving));
    expect(code).toBe('token_rejected');
    expect(message).not.toContain(SECRET);
    expect(existsSync(join(folder, 'desk'))).toBe(false);
    expect(place.engine.catalog.connectors).toEqual([]);
    expect(await readIntegrations(place.engine.keystore, alice, 'desk')).toMatchObject({ items: [] });
    expect(await findConnection(place.engine.keystore, alice, 'desk')).toBeUndefined();
  });

  it('leaves nothing behind when the file cannot be written', async () => {
    const { place, saving } = await desk();
    const folder = join(place.folder, '..', 'a-file');
    await writeFile(folder, '');
    const { code } = await failureOf(createConnection({ ...place, folder }, saving));
    expect(code).toBe('config_invalid');
    expect(await readIntegrations(place.engine.keystore, alice, 'desk')).toMatchObject({ items: [] });
    expect(await findConnection(place.engine.keystore, alice, 'desk')).toBeUndefined();
    expect(place.engine.catalog.connectors).toEqual([]);
  });

  it('keeps what does not work where that is wanted, and it works once the API does', async () => {
    const { place, api, saving, call } = await desk();
    const right = api.answer;
    api.answer = () => ({ status: 401 });
    const saved = await createConnection(place, { ...saving, force: true });
    expect(saved).toMatchObject({ tested: false, failure: { code: 'token_rejected' } });
    api.answer = right;
    expect(await call('requests.get', { path: 'x' })).toMatchObject({ status: 200 });
  });

  it('refuses a name that is taken, by another connector or by itself', async () => {
    const { place, saving } = await desk();
    const taken = await failureOf(createConnection({ ...place, isTaken: async () => true }, saving));
    expect(taken).toMatchObject({ code: 'integration_exists', hint: 'Choose another name.' });
    await createConnection(place, saving);
    const twice = await failureOf(createConnection(place, saving));
    expect(twice).toMatchObject({ code: 'integration_exists', hint: 'Change it with: tieline connections edit desk' });
  });

  it('says which setting opens a private address', async () => {
    const { saving } = await desk();
    const { place } = await openPlace({ allowPrivate: [] });
    const { code, hint } = await failureOf(createConnection(place, saving));
    expect(code).toBe('target_forbidden');
    expect(hint).toContain('network.allowPrivate in config.yaml');
  });

  it('without a test path tests nothing, and fails nothing', async () => {
    const { place, api, saving } = await desk({ testPath: '' });
    api.answer = () => ({ status: 500 });
    expect(await createConnection(place, saving)).toEqual({ connector: 'desk', lockVersion: 1, tested: false });
    expect(api.seen).toEqual([]);
  });
});

describe('the generic actions', () => {
  const call = async (pair: string, params: object) => {
    const it = await desk();
    await createConnection(it.place, it.saving);
    it.api.seen.length = 0;
    return { ...it, done: await it.call(pair, { ...params }).catch((error: unknown) => error), seen: it.api.seen };
  };

  it.each([
    ['post', { json: { a: [1, null] } }, 'application/json', '{"a":[1,null]}'],
    ['put', { json: 'text' }, 'application/json', '"text"'],
    ['patch', { text: '<a/>', headers: { 'content-type': 'text/xml' } }, 'text/xml', '<a/>'],
    ['post', { text: 'plain' }, 'text/plain; charset=utf-8', 'plain'],
    ['delete', {}, undefined, ''],
  ])('%s %j', async (action, params, type, body) => {
    const { seen, done } = await call(`requests.${action}`, { path: '/things/', ...params });
    expect(done).toEqual({ status: 200, body: { ok: true } });
    expect(seen).toMatchObject([{ method: action.toUpperCase(), url: '/things/', body }]);
    expect(seen[0]?.headers['content-type']).toBe(type);
  });

  it.each(['..', 'a/../b', '/%2e%2E/x', './x', 'x?y=1', 'x#y', 'a\\b'])('refuse the path %s', async (path) => {
    const { seen, done } = await call('requests.get', { path });
    expect(done).toMatchObject({ code: 'arguments_invalid' });
    expect(seen).toEqual([]);
  });

  it.each(['authorization', 'cookie', 'host', 'Authorization', 'x-forwarded-for'])(
    'refuse the header %s',
    async (name) => {
      const { seen, done } = await call('requests.get', { path: 'x', headers: { [name]: 'mine' } });
      expect(done).toMatchObject({ code: 'arguments_invalid' });
      expect(seen).toEqual([]);
    },
  );

  it.each(['//evil.example/x', 'https://evil.example/x', '@evil.example', ':1/x', '%2F..%2F..'])(
    'stay at the API with the path %s',
    async (path) => {
      const { seen, done } = await call('requests.get', { path });
      expect(done).toMatchObject({ status: 200 });
      expect(new URL(seen[0]?.url ?? '', 'http://x').host).toBe('x');
    },
  );

  it('tell what they do', async () => {
    const { place } = await call('requests.get', { path: 'x' });
    const tools = place.engine.catalog.tools.map(({ name, annotations: it }) => {
      return [name, it.readOnlyHint, it.destructiveHint, it.idempotentHint];
    });
    expect(tools).toEqual([
      ['desk_requests_delete', false, true, true],
      ['desk_requests_get', true, false, true],
      ['desk_requests_patch', false, false, false],
      ['desk_requests_post', false, false, false],
      ['desk_requests_put', false, true, true],
    ]);
  });
});

describe('a changed connection', () => {
  const edit = async (it: Awaited<ReturnType<typeof desk>>, changes: Record<string, unknown>, lockVersion?: number) => {
    const stored = await openConnection(it.place, 'desk', lockVersion);
    const { lockVersion: _, ...fields } = merged(stored.value.connection, changes);
    const next = stored.value.connection.lockVersion + 1;
    return updateConnection(it.place, stored, savingOf({ ...fields, lockVersion: next }, { token: SECRET }));
  };

  it('has new actions, the same account, and the next version', async () => {
    const it = await desk();
    await createConnection(it.place, it.saving);
    const actions = { things: { get: { request: { path: 'things/{{id}}' } } } };
    expect(await edit(it, { actions }, 1)).toEqual({ connector: 'desk', lockVersion: 2, tested: true });
    expect(await it.call('things.get', { id: 'a/b' })).toEqual({ ok: true });
    expect(it.api.seen.at(-1)?.url).toBe('/things/a%2Fb');
    expect((await readIntegrations(it.place.engine.keystore, alice, 'desk')).items).toHaveLength(1);
    expect(await readFile(join(it.folder, 'desk', 'connector.yaml'), 'utf8')).toContain('version: 1.0.2');
  });

  it('is refused when somebody else was faster', async () => {
    const it = await desk();
    await createConnection(it.place, it.saving);
    const stale = await openConnection(it.place, 'desk');
    await edit(it, { description: 'Mine' });
    const late = await failureOf(updateConnection(it.place, stale, it.saving));
    const wrong = await failureOf(openConnection(it.place, 'desk', 1));
    expect([late.code, wrong.code]).toEqual(['conflict', 'conflict']);
    expect((await openConnection(it.place, 'desk', 2)).value.connection.description).toBe('Mine');
  });

  it('that does not work changes nothing', async () => {
    const it = await desk();
    await createConnection(it.place, it.saving);
    const before = await readFile(join(it.folder, 'desk', 'connector.yaml'), 'utf8');
    const stored = await openConnection(it.place, 'desk');
    const changed = { baseUrl: it.api.url, ...GIVEN, auth: { type: 'raw_bearer_token', token: 'a-wrong-token-1' } };
    const { code } = await failureOf(updateConnection(it.place, stored, savingOf(changed)));
    expect(code).toBe('token_rejected');
    expect(await readFile(join(it.folder, 'desk', 'connector.yaml'), 'utf8')).toBe(before);
    expect((await openConnection(it.place, 'desk', 1)).value).toEqual(stored.value);
    expect(await it.call('requests.get', { path: 'x' })).toMatchObject({ status: 200 });
  });

  it('whose file cannot be written has its credential as before', async () => {
    const it = await desk();
    await createConnection(it.place, it.saving);
    const stored = await openConnection(it.place, 'desk');
    const folder = join(it.folder, '..', 'a-file');
    await writeFile(folder, '');
    it.api.answer = () => ({});
    const changed = savingOf({ baseUrl: it.api.url, auth: { type: 'raw_bearer_token', token: 'another-token-1' } });
    await failureOf(updateConnection({ ...it.place, folder }, stored, changed));
    await it.call('requests.get', { path: 'x' });
    expect(it.api.seen.at(-1)?.headers.authorization).toBe(`Bearer ${SECRET}`);
  });
});

describe('a test', () => {
  it('tells that it works, that it does not, and that there is nothing to test', async () => {
    const it = await desk();
    await createConnection(it.place, it.saving);
    const record = (await openConnection(it.place, 'desk')).value;
    expect(await testConnection(it.place, record)).toBe(true);
    it.api.answer = () => ({ status: 403 });
    expect((await failureOf(testConnection(it.place, record))).code).toBe('forbidden');
    const other = await desk({ testPath: undefined });
    await createConnection(other.place, other.saving);
    expect(await testConnection(other.place, (await openConnection(other.place, 'desk')).value)).toBe(false);
  });
});

it('a removed connection is gone: file, account, credential and record', async () => {
  const it = await desk();
  await createConnection(it.place, it.saving);
  expect(await failureOf(removeConnection({ ...it.place, who: bob }, 'desk'))).toMatchObject({
    code: 'connector_unknown',
  });
  expect(await removeConnection(it.place, 'desk')).toEqual({ accounts: 1 });
  expect(existsSync(join(it.folder, 'desk'))).toBe(false);
  expect(await readIntegrations(it.place.engine.keystore, alice, 'desk')).toMatchObject({ items: [] });
  expect(await failureOf(openConnection(it.place, 'desk'))).toMatchObject({ code: 'connector_unknown' });
});
