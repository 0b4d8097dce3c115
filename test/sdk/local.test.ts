import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { connector } from '../../src/sdk/connector.ts';
import type { LocalCredentials, LocalOptions } from '../../src/sdk/local.ts';
import { failureOf, reading, startProvider } from '../execute/stage.ts';
import { oauthClient } from '../sandbox/client.ts';

let sandbox: Sandbox;
let folder: string;
beforeAll(async () => {
  sandbox = await startSandbox();
  folder = await mkdtemp(join(tmpdir(), 'tieline-sdk-'));
  await define('mail', { url: sandbox.url });
});
afterAll(async () => {
  await sandbox.close();
  await rm(folder, { recursive: true });
});

/** A connector of one's own: tokens in the shape of the Gmail seed, at the sandbox. */
async function define(name: string, { url }: { url: string }): Promise<string> {
  const methods = {
    getOAuthConfig: {
      mapping: {
        clientId: '{{ credentials?.clientId ?? app?.clientId }}',
        clientSecret: '{{ credentials?.clientSecret ?? app?.clientSecret }}',
        tokenUri: `${url}/oauth/token`,
        clientAuthLocation: 'headers',
      },
    },
    getCredentialsFromConnectionParameters: {
      mapping: {
        accessToken: '{{ input.access_token }}',
        refreshToken: '{{ input.refresh_token }}',
        clientId: '{{ input.client_id }}',
        clientSecret: '{{ input.client_secret }}',
      },
    },
  };
  const text = { type: 'string' };
  const secret = { type: 'string', secret: true };
  const properties = { access_token: secret, refresh_token: secret, client_id: text, client_secret: secret };
  const schema = { type: 'object', required: ['refresh_token'], properties };
  const options = { tokens: { title: 'Tokens', type: 'oauth2', grant: 'refresh_token', ui: { schema }, methods } };
  const definition = {
    format: 1,
    connector: name,
    version: '1.0.0',
    title: 'Mail',
    summary: 'Mail for tests.',
    server: { baseUrl: url, testPath: '/api/v1/me' },
    settings: { type: 'object', properties: { folder: { type: 'string', default: 'inbox' } } },
    auth: { options },
    entities: { profile: { title: 'Profile', actions: { get: { ...reading, request: { path: '/api/v1/me' } } } } },
  };
  await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, name, 'connector.yaml'), JSON.stringify(definition));
  return join(folder, name);
}

const grantOf = async (person = 'ada') => (await oauthClient(sandbox)).link(person);
const client = () => ({ client_id: sandbox.clientId, client_secret: sandbox.clientSecret });
const app = () => ({ baseUrl: sandbox.url, clientId: sandbox.clientId, clientSecret: sandbox.clientSecret });
const local = (options: LocalOptions): LocalOptions => ({ allowPrivate: ['127.0.0.1'], ...options });
const signedIn = (more: Partial<LocalOptions>, credentials: LocalCredentials) =>
  connector('sandbox', local({ app: app(), credentials, ...more }));

describe('a connector in this process', () => {
  it('calls with an API key, pages, and tells who it is', async () => {
    const credentials = { apiKey: sandbox.apiKey('ada'), base_url: sandbox.url };
    await using own = connector('sandbox', local({ credentials }));
    expect((await own.execute('profile', 'get')).data).toMatchObject({ id: 'ada' });
    const tickets = await own.execute('tickets', 'list', { limit: 3, state: undefined });
    expect(tickets.hasNext).toBe(true);
    expect((await tickets.getAllItems()).length).toBeGreaterThan(3);
    expect(await own.check()).toBe(true);
    expect((await own.describe()).entities.map((it) => it.name)).toContain('tickets');
  });

  it('makes a call under a key once', async () => {
    await using own = connector(
      'sandbox',
      local({ credentials: { apiKey: sandbox.apiKey('ada'), base_url: sandbox.url } }),
    );
    const written = () => sandbox.observed.apiCalls.filter((it) => it.method === 'POST').length;
    const before = written();
    const make = (title: string) => own.execute('tickets', 'create', { title }, { idempotencyKey: 'order-1' });
    const first = await make('Once');
    expect((await make('Once')).data).toEqual(first.data);
    expect((await failureOf(make('Twice'))).code).toBe('idempotency_conflict');
    expect(written()).toBe(before + 1);
  });

  it('reaches a host elsewhere where it is told to', async () => {
    const credentials = { apiKey: sandbox.apiKey('ada'), base_url: 'http://sandbox.example' };
    const connectTo = { 'sandbox.example': new URL(sandbox.url).host };
    await using own = connector('sandbox', { credentials, allowPrivate: ['sandbox.example'], connectTo });
    expect((await own.execute('profile', 'get')).data).toMatchObject({ id: 'ada' });
  });

  it('hands a rotated refresh token over before the new token is used, and takes it again', async () => {
    const { refresh_token } = await grantOf();
    const kept: LocalCredentials[] = [];
    const callsThen: number[] = [];
    const before = sandbox.observed.apiCalls.length;
    const onCredentials = async (credentials: LocalCredentials) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      callsThen.push(sandbox.observed.apiCalls.length - before);
      kept.push(credentials);
    };
    const first = signedIn({ onCredentials }, { refresh_token });
    const asked = [first.execute('profile', 'get'), first.execute('profile', 'get'), first.execute('tickets', 'list')];
    await Promise.all(asked);
    expect([kept.length, callsThen]).toEqual([1, [0]]);
    expect(kept[0]).toMatchObject({ refresh_token: expect.any(String), access_token: expect.any(String) });
    expect(kept[0]?.refresh_token).not.toBe(refresh_token);
    expect(Date.parse(kept[0]?.expires_at ?? '')).toBeGreaterThan(Date.now());
    await first.close();

    const refreshes = sandbox.observed.refreshes();
    await using second = signedIn({ onCredentials }, JSON.parse(JSON.stringify(kept[0])));
    expect((await second.execute('profile', 'get')).data).toMatchObject({ id: 'ada' });
    expect(sandbox.observed.refreshes()).toBe(refreshes);
    sandbox.expireAccessTokens();
    expect((await second.execute('profile', 'get')).data).toMatchObject({ id: 'ada' });
    expect([kept.length, sandbox.observed.refreshes()]).toEqual([2, refreshes + 1]);
    expect(kept[1]?.refresh_token).not.toBe(kept[0]?.refresh_token);
  });

  it('gives the credentials again after a callback that failed, and does not act before', async () => {
    const { refresh_token } = await grantOf();
    const kept: LocalCredentials[] = [];
    let failures = 1;
    const onCredentials = (credentials: LocalCredentials) => {
      if (failures-- > 0) throw new Error('the disk is full');
      kept.push(credentials);
    };
    await using own = signedIn({ onCredentials }, { refresh_token });
    const calls = sandbox.observed.apiCalls.length;
    await expect(own.execute('profile', 'get')).rejects.toThrow('the disk is full');
    expect(sandbox.observed.apiCalls.length).toBe(calls);
    const refreshes = sandbox.observed.refreshes();
    expect((await own.execute('profile', 'get')).data).toMatchObject({ id: 'ada' });
    expect([kept.length, sandbox.observed.refreshes()]).toEqual([1, refreshes]);
  });

  it('hands over on closing what nobody was given yet', async () => {
    const { refresh_token } = await grantOf();
    const kept: LocalCredentials[] = [];
    let isBroken = true;
    const onCredentials = (credentials: LocalCredentials) => {
      if (isBroken) throw new Error('not now');
      kept.push(credentials);
    };
    const own = signedIn({ onCredentials }, { refresh_token });
    await expect(own.execute('profile', 'get')).rejects.toThrow('not now');
    isBroken = false;
    await own.close();
    await own.close();
    expect(kept).toHaveLength(1);
    expect((await failureOf(own.execute('profile', 'get'))).code).toBe('usage');
  });

  it('keeps the shape of the credentials it was given', async () => {
    const { refresh_token } = await grantOf('grace');
    const kept: LocalCredentials[] = [];
    const options = { definition: join(folder, 'mail'), onCredentials: (it: LocalCredentials) => void kept.push(it) };
    await using own = connector('mail', local({ ...options, credentials: { ...client(), refresh_token } }));
    expect((await own.execute('profile', 'get')).data).toMatchObject({ id: 'grace' });
    expect(kept).toEqual([
      {
        ...client(),
        refresh_token: expect.any(String),
        access_token: expect.any(String),
        expires_at: expect.any(String),
        state: { scope: expect.any(String) },
      },
    ]);
    expect(kept[0]?.refresh_token).not.toBe(refresh_token);
    sandbox.expireAccessTokens();
    await using again = connector('mail', local({ ...options, credentials: kept[0] ?? {} }));
    expect((await again.execute('profile', 'get')).data).toMatchObject({ id: 'grace' });
    expect(kept).toHaveLength(2);
  });

  it('says nothing where credentials do not change', async () => {
    const kept: unknown[] = [];
    const { access_token, refresh_token, expires_in = 0 } = await grantOf();
    const expires_at = new Date(Date.now() + expires_in * 1_000).toISOString();
    await using own = signedIn(
      { onCredentials: (it) => void kept.push(it) },
      { access_token, refresh_token, expires_at },
    );
    await own.execute('profile', 'get');
    expect(kept).toEqual([]);
  });

  it('tells that a grant is over', async () => {
    const { refresh_token } = await grantOf();
    sandbox.revoke('ada');
    await using own = signedIn({}, { refresh_token });
    const error = await failureOf(own.execute('profile', 'get'));
    expect(error.code).toBe('reauthorization_required');
    for (const it of [error, own]) expect(inspect(it, { depth: 9, showHidden: true })).not.toContain(refresh_token);
  });

  it.each<[string, LocalOptions, string, RegExp]>([
    ['no credentials', { credentials: {} }, 'arguments_invalid', /fit no way to authenticate at Mail|tokens/],
    ['a field nobody knows', { credentials: { refresh_token: 'r', tenant: 'x' } }, 'arguments_invalid', /tenant/],
    ['an option nobody knows', { credentials: {}, option: 'magic' }, 'arguments_invalid', /magic/],
    [
      'a time that is none',
      { credentials: { refresh_token: 'r', expires_at: 'soon' } },
      'arguments_invalid',
      /expires_at/,
    ],
    [
      'a setting of another kind',
      { credentials: { refresh_token: 'r' }, settings: { folder: 1 } },
      'arguments_invalid',
      /folder/,
    ],
    ['a definition of another name', { credentials: {}, definition: '.' }, 'connector_unknown', /./],
  ])('refuses %s', async (_, options, code, message) => {
    const own = connector('mail', { definition: join(folder, 'mail'), ...options });
    const error = await failureOf(own.execute('profile', 'get'));
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
    await own.close();
  });

  it('asks for credentials at once', async () => {
    const nothing = {} as LocalOptions;
    expect((await failureOf(() => Promise.resolve(connector('mail', nothing)))).code).toBe('usage');
  });

  it('opens when what kept it from opening is put right', async () => {
    const own = connector('late', { definition: join(folder, 'late'), credentials: { refresh_token: 'r' } });
    expect((await failureOf(own.describe())).code).toBe('connector_unknown');
    await define('late', { url: sandbox.url });
    expect((await own.describe()).name).toBe('late');
    await own.close();
  });

  it('knows only the connectors that are shipped, and no way out of their folder', async () => {
    for (const name of ['gmial', '../sandbox', `../../${folder}/mail`]) {
      const error = await failureOf(connector(name, { credentials: {} }).execute('a', 'b'));
      expect(error.code).toBe('connector_unknown');
    }
    const other = await failureOf(connector('post', { definition: join(folder, 'mail'), credentials: {} }).describe());
    expect(other.hint).toBe("Ask for connector('mail', …).");
  });

  it('reaches private addresses only where it is told to', async () => {
    const { refresh_token } = await grantOf();
    const calls = sandbox.observed.apiCalls.length;
    const own = connector('mail', { definition: join(folder, 'mail'), credentials: { ...client(), refresh_token } });
    const error = await failureOf(own.execute('profile', 'get'));
    expect(error.code).toBe('target_forbidden');
    expect(sandbox.observed.apiCalls.length).toBe(calls);
    await own.close();
  });

  it('ends when the caller does, or the time is over', async () => {
    const silent = await startProvider();
    silent.answer(() => undefined);
    const definition = await define('silent', { url: silent.origin });
    const credentials = { refresh_token: 'r', access_token: 'token-0123456789' };
    const own = connector('silent', local({ definition, credentials }));
    expect((await failureOf(own.execute('profile', 'get', {}, { timeout: 30 }))).code).toBe('upstream_timeout');
    const signal = AbortSignal.timeout(10);
    expect((await failureOf(own.execute('profile', 'get', {}, { signal }))).code).toBe('canceled');
    await silent.close();
    await own.close();
  });
});
