import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { memoryKeystore } from '../../src/keystore/keystore.ts';
import { type Lease, takeLease } from '../../src/keystore/lease.ts';
import { memoryStore } from '../../src/keystore/memory.ts';
import { type Store, storeKey } from '../../src/keystore/store.ts';
import { failureOf } from './failure.ts';

const key = storeKey('lease', 'a');

type Turn = { readonly who: number; readonly act: 'take' | 'release' | 'check' | 'cut' };

const turn: fc.Arbitrary<Turn> = fc.record({
  who: fc.nat(2),
  act: fc.constantFrom('take' as const, 'release' as const, 'check' as const, 'cut' as const),
});

it('has at any time at most one owner, also where the store loses answers', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(turn, { maxLength: 40 }), async (turns) => {
      const store = memoryStore();
      const owners = new Map<number, Lease>();
      const cut = new Set<number>();
      let fence = 0;
      const handle = (who: number): Store => ({
        ...store,
        replace: async (...given) => {
          const isDone = await store.replace(...given);
          if (cut.delete(who)) throw new Error('the answer was lost');
          return isDone;
        },
      });
      for (const { who, act } of turns) {
        const lease = owners.get(who);
        if (act === 'cut') cut.add(who);
        if (act === 'take' && !lease) {
          const taken = await takeLease(handle(who), key, { ttlMs: 60_000, waitMs: 0 }).catch(() => undefined);
          if (taken === undefined || taken === 'settled') continue;
          expect(owners.size).toBe(0);
          expect(taken.fence).toBeGreaterThan(fence);
          fence = taken.fence;
          owners.set(who, taken);
        }
        if (act === 'check' && lease) expect(await lease.stillMine().catch(() => true)).toBe(true);
        if (act === 'release' && lease) {
          await lease.release();
          owners.delete(who);
        }
      }
      for (const it of owners.values()) await it.release();
    }),
    { numRuns: 300 },
  );
});

it('is released in the end, although the store fails when it is', async () => {
  const store = memoryStore();
  let isAway = false;
  const failing: Store = {
    ...store,
    replace: (...given) => (isAway ? Promise.reject(new Error('away')) : store.replace(...given)),
  };
  const lease = await takeLease(failing, key, { ttlMs: 60_000, waitMs: 0 });
  if (lease === 'settled') throw new Error('expected a lease');
  isAway = true;
  await lease.release();
  expect((await failureOf(takeLease(store, key, { ttlMs: 60_000, waitMs: 0 }))).code).toBe('refresh_busy');
  isAway = false;
  expect(await takeLease(store, key, { ttlMs: 60_000, waitMs: 20_000 })).toMatchObject({ fence: 2 });
});

it('is not counted on by an owner whose renewal took so long that others may have it', async () => {
  const store = memoryStore();
  let delayMs = 0;
  const slow: Store = { ...store, replace: (...given) => sleep(delayMs).then(() => store.replace(...given)) };
  const lease = await takeLease(slow, key, { ttlMs: 300, waitMs: 0 });
  if (lease === 'settled') throw new Error('expected a lease');
  delayMs = 200;
  expect(await lease.stillMine()).toBe(false);
  await lease.release();
});

it('whose taking failed after it was written is not left behind', async () => {
  const store = memoryStore();
  let losesReply = true;
  const unreliable: Store = {
    ...store,
    replace: async (...given) => {
      const isDone = await store.replace(...given);
      if (!losesReply) return isDone;
      losesReply = false;
      throw new Error('the connection was lost');
    },
  };
  const options = { ttlMs: 30_000, waitMs: 0 };
  await expect(takeLease(unreliable, key, options)).rejects.toThrow('the connection was lost');
  expect(await takeLease(store, key, options)).toMatchObject({ fence: 2 });
});

it('is had of a keystore', async () => {
  const keystore = await memoryKeystore();
  const options = { ttlMs: 30_000, waitMs: 0 };
  const lease = await keystore.lease(key, options);
  expect(lease).toMatchObject({ fence: 1 });
  expect((await failureOf(keystore.lease(key, options))).code).toBe('refresh_busy');
});
