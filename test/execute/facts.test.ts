import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { accountStatus } from '../../src/execute/health.ts';
import { readIntegrations } from '../../src/integration/accounts.ts';
import { alice, connectorOf, failureOf, openStage, type Provider, reading, startProvider, things } from './stage.ts';

let provider: Provider;

beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());

/** An account whose provider tells more about it with each token. `end` makes the provider refuse the token at hand. */
async function setUp(told: Record<string, unknown>) {
  let count = 1;
  let facts: Record<string, unknown> = told;
  provider.seen.length = 0;
  provider.answer(({ path, headers }) => {
    if (path === '/token') return { body: { access_token: `access-token-${count}`, expires_in: 600, ...facts } };
    if (path.endsWith('/me')) return { body: { id: 'u-1' } };
    return headers.authorization === `Bearer access-token-${count}` ? { body: { ok: true } } : { status: 401 };
  });
  const save = { account: { api: '{{ response.body.api }}', key: '{{ response.body.user }}' } };
  const getOAuthConfig = { mapping: { clientId: 'c', clientSecret: 's', tokenUri: `${provider.origin}/token`, save } };
  const connector = connectorOf({
    server: { baseUrl: `${provider.origin}/{{ account.api }}`, allowHosts: [provider.host] },
    auth: {
      options: {
        oauth: { title: 'OAuth', type: 'oauth2', grant: 'client_credentials', methods: { getOAuthConfig } },
      },
    },
    identity: { request: { path: '/me' }, key: '{{ response.body.id }}', label: '{{ response.body.id }}' },
    entities: things({ get: { ...reading, request: { path: '/thing' } } }),
  });
  const stage = await openStage([connector]);
  onTestFinished(() => stage.close());
  await stage.link('sample', { input: {} });
  const stored = async () => (await readIntegrations(stage.engine.keystore, alice, 'sample')).items[0];
  const end = (more: Record<string, unknown>) => {
    count += 1;
    facts = more;
  };
  return { stage, stored, end };
}

const grace = { key: 'u-1', label: 'u-1', identifier: 'u-1' };
const paths = () => provider.seen.map((it) => it.path);

describe('what a refresh tells about an account', () => {
  it('is kept, and serves the very call that refreshed, and others of the same moment', async () => {
    const { stage, stored, end } = await setUp({ api: 'one' });
    expect((await stored())?.account).toEqual({ api: 'one', ...grace });
    end({ api: 'two', user: 'u-1' });
    provider.seen.length = 0;
    await Promise.all([1, 2, 3].map(() => stage.call('things.get')));
    expect(paths().filter((it) => it === '/token')).toHaveLength(1);
    expect(paths().filter((it) => it === '/two/thing')).toHaveLength(3);
    expect((await stored())?.account).toEqual({ api: 'two', ...grace });
    provider.seen.length = 0;
    await stage.call('things.get');
    expect(paths()).toEqual(['/two/thing']);
  });

  it('leaves the account alone when it is nothing new', async () => {
    const { stage, stored, end } = await setUp({ api: 'one' });
    const before = await stored();
    end({ api: 'one' });
    await stage.call('things.get');
    end({});
    await stage.call('things.get');
    expect(await stored()).toEqual(before);
  });

  it('is not that it is somebody else: such tokens are never used', async () => {
    const { stage, stored, end } = await setUp({ api: 'one', user: 'u-1' });
    const before = await stored();
    end({ api: 'two', user: 'u-2' });
    const { code, message } = await failureOf(stage.call('things.get'));
    expect([code, message]).toEqual(['reauthorization_required', expect.stringContaining('of another account')]);
    expect((await failureOf(stage.call('things.get'))).code).toBe('reauthorization_required');
    expect(provider.seen.some((it) => it.headers.authorization === 'Bearer access-token-2')).toBe(false);
    expect(await stored()).toEqual(before);
    if (before) expect(await accountStatus(stage.engine, alice, before)).toMatchObject({ status: 'reauth_required' });
  });
});
