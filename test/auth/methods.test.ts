import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Credential } from '../../src/auth/credential.ts';
import { credentialKey } from '../../src/integration/accounts.ts';
import { alice, connectorOf, failureOf, openStage, type Provider, startProvider } from '../execute/stage.ts';

let provider: Provider;
beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());
beforeEach(() => {
  provider.seen.length = 0;
  provider.answer(() => ({ body: {} }));
});

const properties = { user: { type: 'string' }, token: { type: 'string', secret: true } };
const input = { user: 'ada', token: 'first-token' };

async function stageOf(methods: object, server: object = {}) {
  const it = { title: 'It', type: 'none', ui: { schema: { type: 'object', properties } }, methods };
  const stage = await openStage([
    connectorOf({ server: { baseUrl: provider.origin, ...server }, auth: { options: { it } } }),
  ]);
  onTestFinished(() => stage.close());
  const { id } = await stage.link('sample', { input });
  const read = async () => (await stage.engine.keystore.read<Credential>(credentialKey(alice, 'sample', id)))?.value;
  return { ...stage, read };
}

describe('makeApiClient', () => {
  it('adds headers, query and basic authentication, and begins paths elsewhere', async () => {
    const mapping = {
      baseUri: `${provider.origin}/{{ credentials.user }}`,
      headers: { 'X-Sum': { $concat: [{ $var: 'credentials.user' }, ':', { $var: 'secrets.token' }] } },
      query: { v: '2' },
      auth: { username: '{{ credentials.user }}', password: 'x' },
    };
    const stage = await stageOf({ makeApiClient: { implementationType: 'mapping', mapping } });
    await stage.call('things.get');
    const seen = provider.seen.at(-1);
    expect(seen?.path).toBe('/ada/thing?v=2');
    expect(seen?.headers).toMatchObject({ 'x-sum': 'ada:first-token', authorization: `Basic ${btoa('ada:x')}` });
  });

  it('may be a function; what it makes of secrets is redacted like them', async () => {
    const javascript = '({ secrets }) => ({ headers: { "X-Key": secrets.token.split("").reverse().join("") } })';
    provider.answer(({ headers }) => ({ body: { echo: headers['x-key'] } }));
    const stage = await stageOf({ makeApiClient: { javascript } });
    expect((await stage.call('things.get')).data).toEqual({ echo: '[secret]' });
    expect(provider.seen.at(-1)?.headers['x-key']).toBe('nekot-tsrif');
  });

  it('leads to declared hosts only', async () => {
    const stage = await stageOf({ makeApiClient: { mapping: { baseUri: 'https://elsewhere.example' } } });
    expect((await failureOf(stage.call('things.get'))).code).toBe('target_forbidden');
  });
});

describe('getCredentialsFromConnectionParameters', () => {
  it.each([
    [
      'a mapping',
      { mapping: { key: '{{ secrets.token }}', kind: { $if: { condition: true, else: 'no' } } } },
      { key: 'first-token' },
    ],
    [
      'a function',
      { javascript: '({ input }) => ({ both: input.user + "." + input.token })' },
      { both: 'ada.first-token' },
    ],
  ])('may be %s', async (_, method, values) => {
    const stage = await stageOf({ getCredentialsFromConnectionParameters: method });
    expect((await stage.read())?.values).toEqual(values);
  });

  it.each(['() => 5', '() => [1]', '() => null'])('gives an object, not %s', async (javascript) => {
    const error = await failureOf(stageOf({ getCredentialsFromConnectionParameters: { javascript } }));
    expect(error.code).toBe('definition_invalid');
  });
});

describe('refreshCredentials', () => {
  const makeApiClient = { mapping: { headers: { 'X-Token': '{{ credentials.token }}' } } };
  const refreshCredentials = {
    request: { method: 'POST', path: '/refresh', json: { old: '{{ credentials.token }}' } },
    javascript: '({ response }) => ({ token: response.body.token, expiresIn: 600 })',
  };

  it('is asked after a 401, and merged into what was there', async () => {
    provider.answer(({ path, headers }) => {
      if (path === '/refresh') return { body: { token: 'second-token' } };
      return headers['x-token'] === 'second-token' ? { body: {} } : { status: 401 };
    });
    const stage = await stageOf({ makeApiClient, refreshCredentials });
    await stage.call('things.get');
    expect(provider.seen.map((it) => it.path)).toEqual(['/thing', '/refresh', '/thing']);
    expect(`${provider.seen[1]?.body}`).toBe('{"old":"first-token"}');
    const { values, expiresAt, obtainedAt } = (await stage.read()) ?? { obtainedAt: 0, values: {} };
    expect(values).toEqual({ user: 'ada', token: 'second-token' });
    expect((expiresAt ?? 0) - obtainedAt).toBeGreaterThan(590_000);
  });

  it.each([
    [400, 'reauthorization_required'],
    [503, 'refresh_failed'],
  ])('that is answered with %i is %s', async (status, code) => {
    provider.answer(({ path }) => ({ status: path === '/refresh' ? status : 401 }));
    const stage = await stageOf({ makeApiClient, refreshCredentials });
    expect((await failureOf(stage.call('things.get'))).code).toBe(code);
  });
});

describe('a definition', () => {
  it.each([
    ['neither', {}],
    ['both', { mapping: {}, javascript: '() => ({})' }],
    ['the other', { implementationType: 'javascript', mapping: {} }],
  ])('with %s of mapping and javascript is refused', (_, method) => {
    const it = { title: 'It', type: 'none', methods: { makeApiClient: method } };
    expect(() => connectorOf({ server: { baseUrl: provider.origin }, auth: { options: { it } } })).toThrow();
  });
});
