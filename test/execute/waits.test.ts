import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openAdmission } from '../../src/execute/admission.ts';
import { execute } from '../../src/execute/execute.ts';
import { forgetWait, keepWait, spread, waitLeft } from '../../src/execute/waits.ts';
import {
  alice,
  bob,
  connectorOf,
  failureOf,
  openStage,
  type Provider,
  reading,
  type Stage,
  startProvider,
  TOKEN,
  things,
} from './stage.ts';

let provider: Provider;
let stage: Stage;

const actions = {
  get: { ...reading, request: { path: '/thing' } },
  create: { ...reading, effect: 'create', request: { method: 'POST', path: '/thing' } },
};

beforeAll(async () => {
  provider = await startProvider();
});
beforeEach(async () => {
  provider.answer(() => ({ body: {} }));
  const errors = [{ when: { status: 503, value: '{{ response.body.slow }}' }, code: 'rate_limited' }];
  stage = await openStage([
    connectorOf({ server: { baseUrl: provider.origin, timeouts: { read: '3s' } }, errors, entities: things(actions) }),
  ]);
  await stage.link('sample');
  provider.seen.length = 0;
});
afterEach(() => stage.close());
afterAll(() => provider.close());

const busy = (seconds: number, status = 429) =>
  provider.answer(() => ({ status, headers: { 'retry-after': String(seconds) } }));

describe('a wait that a provider asks for', () => {
  it.each([429, 503])(
    'with %i and is too long for a call fails all calls of the account, without a request',
    async (status) => {
      busy(300, status);
      await failureOf(stage.call('things.get'));
      expect(provider.seen).toHaveLength(1);
      for (const action of ['get', 'create', 'get']) {
        const error = await failureOf(stage.call(`things.${action}`));
        expect(error.code).toBe('rate_limited');
        expect(error.retryAfter).toBeGreaterThan(290);
        expect(error.retryAfter).toBeLessThanOrEqual(300);
      }
      expect(provider.seen).toHaveLength(1);
    },
  );

  it('is one for all calls that it holds: they do not come again all at once', async () => {
    let isBusy = true;
    provider.answer(() => (isBusy ? { status: 429, headers: { 'retry-after': '1' } } : { body: {} }));
    const calls = Array.from({ length: 50 }, () => stage.call('things.get'));
    await expect.poll(() => provider.seen.length).toBe(50);
    isBusy = false;
    const late = Array.from({ length: 50 }, () => stage.call('things.get'));
    await Promise.all([...calls, ...late]);
    expect(provider.seen).toHaveLength(150);
  });

  it('does not touch other accounts', async () => {
    await stage.link('sample', { identifier: 'other' });
    busy(300);
    await failureOf(stage.call('things.get'));
    provider.answer(() => ({ body: {} }));
    await stage.call('things.get', {}, { identifier: 'other' });
    expect((await failureOf(stage.call('things.get', {}, { identifier: 'main' }))).code).toBe('rate_limited');
  });

  it('is forgotten with a new connect', async () => {
    busy(86_400);
    await failureOf(stage.call('things.get'));
    provider.answer(() => ({ body: {} }));
    expect((await failureOf(stage.call('things.get'))).retryAfter).toBeGreaterThan(80_000);
    const { connectAccount } = await import('../../src/execute/connect.ts');
    const input = { token: TOKEN };
    await connectAccount(stage.engine, alice, { connector: 'sample', identifier: 'main', input, reconnect: true });
    await stage.call('things.get');
  });

  it('is kept by account, and spread', () => {
    keepWait('it', 5_000);
    keepWait('it', 0);
    expect(waitLeft('it')).toBeGreaterThan(4_000);
    expect(waitLeft('another')).toBe(0);
    forgetWait('it');
    expect(waitLeft('it')).toBe(0);
    expect([spread(10_000, () => 0), spread(10_000, () => 1), spread(1_000_000, () => 1)]).toEqual([0, 2_000, 2_000]);
  });
});

it('a write that a definition reads as rate_limited is not called unknown', async () => {
  provider.answer(() => ({ status: 503, body: { slow: true } }));
  expect((await failureOf(stage.call('things.create'))).code).toBe('rate_limited');
  provider.answer(() => ({ status: 503, body: { slow: false } }));
  expect(await failureOf(stage.call('things.create'))).toMatchObject({
    code: 'outcome_unknown',
    message: 'the provider answered 503; whether it was done is not known',
    hint: 'Look whether it was done before doing it again.',
  });
});

describe('calls at once', () => {
  const hold = () => {
    const open: (() => void)[] = [];
    provider.answer(() => new Promise((resolve) => open.push(() => resolve({ body: {} }))));
    return open;
  };
  const limited = (limits: { calls?: number; callsPerAccount?: number }) => {
    const engine = { ...stage.engine, admission: openAdmission(limits) };
    const call = { connector: 'sample', entity: 'things', action: 'get', params: {} };
    return (more: object = {}, who = alice) => execute(engine, who, { ...call, ...more });
  };

  it('of one account wait for each other, those of another do not', async () => {
    await stage.link('sample', { identifier: 'other' });
    provider.seen.length = 0;
    const open = hold();
    const call = limited({ callsPerAccount: 2 });
    const main = Array.from({ length: 5 }, () => call({ identifier: 'main' }));
    await expect.poll(() => open.length).toBe(2);
    const other = call({ identifier: 'other' });
    await expect.poll(() => open.length).toBe(3);
    for (let i = 0; i < 6; i++) {
      await expect.poll(() => open.length).toBeGreaterThan(i);
      open[i]?.();
    }
    await Promise.all([...main, other]);
    expect(provider.seen).toHaveLength(6);
  });

  it('beyond what a server takes are told so, and no user takes all of it', async () => {
    await stage.link('sample', { who: bob });
    const open = hold();
    const call = limited({ calls: 4 });
    const full = { code: 'too_many_requests', retryAfter: 2, hint: expect.any(String) };
    const mine = [call(), call()];
    expect(await failureOf(call())).toMatchObject({ ...full, message: expect.stringContaining('this user') });
    const his = [call({}, bob), call({}, bob)];
    expect(await failureOf(call({}, { ...bob, user: 'carol' }))).toMatchObject({
      ...full,
      message: expect.stringContaining('this server'),
    });
    await expect.poll(() => open.length).toBe(4);
    for (const it of open) it();
    await Promise.all([...mine, ...his]);
    provider.answer(() => ({ body: {} }));
    await call();
  });

  it('that wait for others are let go when they are canceled', async () => {
    const open = hold();
    const call = limited({ callsPerAccount: 1 });
    const first = call();
    await expect.poll(() => open.length).toBe(1);
    const leaving = new AbortController();
    const second = call({ signal: leaving.signal });
    leaving.abort();
    expect((await failureOf(second)).code).toBe('canceled');
    open[0]?.();
    await first;
  });
});
