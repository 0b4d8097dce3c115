import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TielineError } from '../../src/errors.ts';
import { isReplay, once } from '../../src/execute/once.ts';
import { type Keystore, memoryKeystore } from '../../src/keystore/keystore.ts';
import { storeKey } from '../../src/keystore/store.ts';
import {
  connectorOf,
  failureOf,
  openStage,
  type Provider,
  reading,
  type Stage,
  startProvider,
  things,
} from './stage.ts';

let provider: Provider;
let stage: Stage;

beforeEach(async () => {
  provider = await startProvider();
  const make = { ...reading, effect: 'create', request: { method: 'POST', path: '/make', json: {} } };
  const get = {
    ...reading,
    params: { type: 'object', properties: { id: { type: 'string' } } },
    request: { path: '/get' },
  };
  stage = await openStage([connectorOf({ server: { baseUrl: provider.origin }, entities: things({ make, get }) })]);
  await stage.link('sample');
});
afterEach(async () => {
  await stage.close();
  await provider.close();
});

const make = (idempotencyKey: string, more: object = {}) => stage.call('things.make', {}, { idempotencyKey, ...more });
const written = () => provider.seen.filter((it) => it.path === '/make').length;

describe('a call under an idempotency key', () => {
  it('is made once, and answered the same again', async () => {
    let count = 0;
    provider.answer(() => ({ body: { id: ++count } }));
    const first = await make('k');
    const second = await make('k');
    expect(second).toEqual({ ...first, isReplayed: true });
    expect(written()).toBe(1);
    await make('other');
    expect(written()).toBe(2);
  });

  it.each([
    ['is cut off after it', (_: unknown, response: { destroy(): void }) => void response.destroy(), 'outcome_unknown'],
    ['answers 500', () => ({ status: 500 }), undefined],
    ['answers 502', () => ({ status: 502 }), undefined],
    ['refuses it', () => ({ status: 422 }), 'upstream_rejected'],
  ])('is not made again where the provider %s', async (_, answer, code) => {
    provider.answer(answer as never);
    const first = await failureOf(make('k'));
    if (code) expect(first.code).toBe(code);
    provider.answer(() => ({ body: {} }));
    const second = await failureOf(make('k'));
    expect([second.code, second.message]).toEqual([first.code, first.message]);
    expect(isReplay(second)).toBe(true);
    expect(written()).toBe(1);
  });

  it.each([401, 403, 429])('is made again where the provider did not let it in: %i', async (status) => {
    provider.answer(() => ({ status }));
    await failureOf(make('k'));
    provider.answer(() => ({ body: {} }));
    await make('k');
    expect(written()).toBeGreaterThan(1);
  });

  it('is made again where nothing was sent', async () => {
    await failureOf(make('k', { identifier: 'nobody' }));
    await failureOf(stage.call('things.get', { wrong: 1 }, { idempotencyKey: 'k' }));
    provider.answer(() => ({ body: {} }));
    await make('k');
    expect(written()).toBe(1);
  });

  it('is refused for other arguments, and while it is under way', async () => {
    let give = () => {};
    const given = new Promise<void>((resolve) => {
      give = resolve;
    });
    provider.answer(async () => {
      await given;
      return { body: {} };
    });
    const first = make('k');
    const others = await Promise.all(Array.from({ length: 5 }, () => failureOf(make('k'))));
    for (const it of others) expect(it).toMatchObject({ code: 'idempotency_conflict', retryAfter: 1 });
    give();
    await first;
    const other = await failureOf(stage.call('things.get', {}, { idempotencyKey: 'k' }));
    expect(other).toMatchObject({ code: 'idempotency_conflict', retryAfter: undefined });
    expect(written()).toBe(1);
  });

  it('is canceled in the middle: nobody knows, and it is not made again', async () => {
    const controller = new AbortController();
    provider.answer(async () => {
      controller.abort();
      await new Promise((resolve) => setTimeout(resolve, 200));
      return { body: {} };
    });
    expect((await failureOf(make('k', { signal: controller.signal }))).code).toBe('outcome_unknown');
    expect(stage.audit.at(-1)?.outcome).toBe('outcome_unknown');
    expect((await failureOf(make('k'))).code).toBe('outcome_unknown');
    expect(written()).toBe(1);
  });

  it.each(['', 'x'.repeat(256), 5])('is not %j', async (key) => {
    expect((await failureOf(make(key as string))).code).toBe('arguments_invalid');
  });
});

describe('once', () => {
  const named = { caller: ['me'], key: 'k', request: 'r' };
  const doing = (run: () => Promise<string>) => ({ run, keep: (it: string) => it, recall: (it: string) => it });
  const never = doing(async () => {
    throw new Error('it ran again');
  });
  let keystore: Keystore;
  beforeEach(async () => {
    keystore = await memoryKeystore();
  });
  afterEach(() => keystore.close());

  /** As a process leaves it that ended in the middle. */
  const left = async (owner: string) => {
    const fingerprint = createHash('sha256').update(named.request).digest('base64url');
    await keystore.write(storeKey('idempotency', 'me', 'k'), { fingerprint, owner });
  };
  const gone = () => `${spawnSync(process.execPath, ['-e', '']).pid}:id:${hostname()}`;

  it('tells of a run whose process died that the outcome is unknown, and does not run it again', async () => {
    await left(gone());
    for (let i = 0; i < 2; i++) {
      expect((await failureOf(once(keystore, named, never))).code).toBe('outcome_unknown');
    }
  });

  it('takes a process of another machine to live while it was not watched for long', async () => {
    await left('1:id:elsewhere');
    for (let i = 0; i < 2; i++) {
      const error = await failureOf(once(keystore, named, never));
      expect(error).toMatchObject({ code: 'idempotency_conflict', retryAfter: 5 });
    }
  });

  it.each(['write', 'delete'] as const)(
    'keeps what came of it while the store is away, and saves it then: %s',
    async (way) => {
      const real = keystore[way].bind(keystore) as (...given: unknown[]) => Promise<never>;
      let isAway = false;
      Object.assign(keystore, {
        [way]: (...given: unknown[]) => {
          if (isAway) throw new TielineError('store_unavailable', 'away');
          return real(...given);
        },
      });
      const refused = new TielineError('rate_limited', 'not now');
      const run = async () => {
        isAway = true;
        if (way === 'delete') throw refused;
        return 'done';
      };
      if (way === 'write') {
        expect((await once(keystore, named, doing(run))).result).toBe('done');
        expect(await once(keystore, named, never)).toEqual({ result: 'done', isReplayed: true });
      } else expect(await failureOf(once(keystore, named, doing(run)))).toBe(refused);
      isAway = false;
      const key = storeKey('idempotency', 'me', 'k');
      const saved = async () => (await keystore.read<{ answer?: string }>(key))?.value;
      await expect
        .poll(saved, { timeout: 15_000 })
        .toEqual(way === 'write' ? expect.objectContaining({ answer: 'done' }) : undefined);
    },
  );

  it('keeps no answer that is too large, and does not run it again either', async () => {
    const large = doing(async () => 'x'.repeat(2 * 1024 * 1024));
    await once(keystore, named, large);
    expect((await failureOf(once(keystore, named, never))).code).toBe('result_too_large');
  });

  it('does not run again what failed for a reason that nobody knows', async () => {
    const bug = doing(async () => {
      throw new Error('a bug');
    });
    await expect(once(keystore, named, bug)).rejects.toThrow('a bug');
    expect((await failureOf(once(keystore, named, never))).code).toBe('outcome_unknown');
  });
});
