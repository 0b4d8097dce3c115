import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Credential } from '../../src/auth/credential.ts';
import { accountStatus } from '../../src/execute/health.ts';
import { revokeIntegration } from '../../src/execute/revoke.ts';
import { addPendingIntegration, credentialKey, readIntegrations } from '../../src/integration/accounts.ts';
import { alice, bob, connectorOf, failureOf, openStage, type Provider, startProvider } from './stage.ts';

let provider: Provider;

beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());

const methods = {
  revoke: { request: { method: 'POST', path: '/revoke', form: { token: '{{ credentials.token }}' } } },
};

async function setUp() {
  provider.seen.length = 0;
  provider.answer(() => ({ body: { ok: true } }));
  const connector = connectorOf({
    server: { baseUrl: provider.origin },
    auth: { options: { token: { title: 'Token', type: 'bearer', methods } } },
  });
  const stage = await openStage([connector]);
  onTestFinished(() => stage.close());
  const { keystore } = stage.engine;
  const all = () => readIntegrations(keystore, alice, 'sample');
  const expectation = (identifier: string) => ({
    connector: 'sample',
    identifier,
    option: 'token',
    settings: {},
    createdAt: Date.now(),
    pendingUntil: Date.now() + 3_600_000,
  });
  const ask = (identifier: string, who = alice) => addPendingIntegration(keystore, who, expectation(identifier));
  return { stage, engine: stage.engine, connector, all, ask };
}

describe('an account that a program has asked a person for', () => {
  it('answers calls with what is missing, and asks the provider nothing', async () => {
    const { stage, engine, ask } = await setUp();
    const pending = await ask('work');
    for (const identifier of [undefined, 'work']) {
      const error = await failureOf(stage.call('things.get', {}, { identifier }));
      expect(error).toMatchObject({ code: 'integration_required', hint: expect.stringContaining('finish connecting') });
    }
    expect(provider.seen).toEqual([]);
    expect(await accountStatus(engine, alice, pending)).toMatchObject({ status: 'pending', at: pending.createdAt });
  });

  it('is the same one when it is connected, and the default if it is the first', async () => {
    const { stage, ask, all } = await setUp();
    const pending = await ask('work');
    const connected = await stage.link('sample', { identifier: 'work' });
    expect(connected.id).toBe(pending.id);
    expect(await all()).toMatchObject({ items: [{ id: pending.id }], default: pending.id });
    expect((await stage.call('things.get')).meta).toMatchObject({ integration: 'work' });
    expect((await failureOf(stage.link('sample', { identifier: 'work' }))).code).toBe('integration_exists');
  });

  it('is not connected by another user’s account of that name', async () => {
    const { stage, ask, all } = await setUp();
    const pending = await ask('work');
    const others = await stage.link('sample', { identifier: 'work', who: bob });
    expect(others.id).not.toBe(pending.id);
    expect((await all()).items).toEqual([pending]);
  });
});

describe('ending the access of an account', () => {
  it('tells the provider, then wipes what authenticates', async () => {
    const { stage, engine, connector, all } = await setUp();
    const { id } = await stage.link('sample');
    const before = await all();
    expect(await revokeIntegration(engine, alice, connector, 'main')).toBe(true);
    const [request] = provider.seen.slice(-1);
    expect([request?.path, `${request?.body}`]).toEqual(['/revoke', 'token=sample-token-0123456789']);
    expect(await all()).toEqual(before);
    const stored = await engine.keystore.read<Credential>(credentialKey(alice, 'sample', id));
    expect(JSON.stringify(stored?.value)).not.toContain('sample-token');
    expect((await failureOf(stage.call('things.get'))).code).toBe('reauthorization_required');
    const count = provider.seen.length;
    expect(await revokeIntegration(engine, alice, connector, 'main')).toBe(true);
    expect(provider.seen).toHaveLength(count);
  });

  it('changes nothing when the provider cannot be told, or for another user', async () => {
    const { stage, engine, connector } = await setUp();
    await stage.link('sample');
    provider.answer(({ path }) => (path === '/revoke' ? { status: 500 } : { body: {} }));
    await failureOf(revokeIntegration(engine, alice, connector, 'main'));
    const count = provider.seen.length;
    expect((await failureOf(revokeIntegration(engine, bob, connector, 'main'))).code).toBe('integration_unknown');
    expect(provider.seen).toHaveLength(count);
    expect(await stage.call('things.get')).toMatchObject({ data: {} });
  });
});
