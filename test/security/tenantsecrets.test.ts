import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { connectAccount } from '../../src/execute/connect.ts';
import { log } from '../../src/log.ts';
import { errorAnswer, resultAnswer } from '../../src/mcp/answer.ts';
import {
  alice,
  connectorOf,
  failureOf,
  openStage,
  type Provider,
  reading,
  type Stage,
  startProvider,
  things,
} from '../execute/stage.ts';

/** The password of one tenant. The token of the other is what messages say. */
const PASSWORD = 'Winter2026!';
const WORDS = 'sample has no integration';

describe('two tenants', () => {
  let provider: Provider;
  let victim: Stage;
  let attacker: Stage;

  beforeAll(async () => {
    provider = await startProvider();
    const connector = () =>
      connectorOf({
        server: { baseUrl: provider.origin },
        auth: { options: { own: { title: 'Token', type: 'bearer' } } },
        identity: {
          request: { path: '/me' },
          key: '{{ response.body.id }}',
          label: '{{ response.body.name }}',
        },
        entities: things({ get: { ...reading, request: { path: '/thing' } } }),
      });
    provider.answer(() => ({ body: { id: '1', name: 'one' } }));
    victim = await openStage([connector()]);
    attacker = await openStage([connector()]);
    await victim.link('sample', { input: { token: PASSWORD } });
    await attacker.link('sample', { input: { token: WORDS } });
    await victim.call('things.get');
    await attacker.call('things.get');
  });

  afterAll(async () => {
    await Promise.all([victim.close(), attacker.close()]);
    await provider.close();
  });

  const told = (error: unknown) => JSON.stringify(errorAnswer(error, () => {}));

  it('cannot test guesses against the secrets of the other, in a message, a result or a log', async () => {
    const guesses = ['Summer2026!', PASSWORD, 'Autumn2026!'].join(' ');
    const error = await failureOf(attacker.call('things.get', {}, { identifier: guesses }));
    expect(told(error)).toContain(PASSWORD);
    provider.answer(() => ({ body: { guesses } }));
    expect(JSON.stringify(resultAnswer(await attacker.call('things.get')))).toContain(guesses);
    provider.answer(() => ({ status: 400, body: { message: guesses } }));
    const refused = await failureOf(attacker.call('things.get'));
    expect(told(refused)).toContain(guesses);
    expect(logged(refused)).toContain(PASSWORD);
  });

  it('cannot blank what the other reads, in a message or a log', async () => {
    const error = await failureOf(victim.call('things.get', {}, { identifier: 'xyz' }));
    expect(told(error)).toContain(WORDS);
    expect(logged(error)).toContain(WORDS);
    provider.answer(() => ({ body: { said: WORDS } }));
    expect(JSON.stringify(resultAnswer(await victim.call('things.get')))).toContain(WORDS);
  });

  it('do not read their own, in a message, a result or a log', async () => {
    provider.answer(({ headers }) => ({ body: { echo: headers.authorization } }));
    expect(JSON.stringify(resultAnswer(await victim.call('things.get')))).not.toContain(PASSWORD);
    provider.answer(({ headers }) => ({ status: 400, body: { message: `you sent ${headers.authorization}` } }));
    const error = await failureOf(victim.call('things.get'));
    expect(told(error)).not.toContain(PASSWORD);
    expect(logged(error)).not.toContain(PASSWORD);
    expect(logged(error)).toContain('you sent');
  });

  it('do not read it as what the provider calls the account, nor marks that turn writing around', async () => {
    provider.answer(({ headers }) => ({
      body: {
        id: `id ${headers.authorization}`,
        name: `\u202eAda\n\u200b ${headers.authorization} ${'x'.repeat(500)}`,
      },
    }));
    const { integration } = await connectAccount(victim.engine, alice, {
      connector: 'sample',
      input: { token: PASSWORD },
    });
    const { identifier, account } = integration;
    const shown = JSON.stringify([identifier, account]);
    expect(shown).not.toContain(PASSWORD);
    expect(account?.label).toMatch(/^Ada (?:Bearer )?\[secret\] x+…$/);
    expect(String(account?.label).length).toBeLessThanOrEqual(128);
    expect(identifier).toBe(account?.label);
  });
});

function logged(error: unknown): string {
  const written: string[] = [];
  const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean(written.push(String(text))));
  try {
    log.error('a call failed', { error });
  } finally {
    spy.mockRestore();
  }
  return written.join('');
}
