import fc from 'fast-check';
import { expect, it } from 'vitest';
import { memoryKeystore } from '../../src/keystore/keystore.ts';
import { CLOCK_TOLERANCE_MS, type Lease, takeLease } from '../../src/keystore/lease.ts';
import { memoryStore } from '../../src/keystore/memory.ts';
import { type Store, storeKey } from '../../src/keystore/store.ts';
import { failureOf } from './failure.ts';

const key = storeKey('lease', 'a');

const step = fc.oneof(
  fc.record({ act: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: CLOCK_TOLERANCE_MS }) }),
  fc.record({ act: fc.constant('take' as const), ttlMs: fc.integer({ min: 1, max: 3_000 }) }),
  fc.record({ act: fc.constant('release' as const), which: fc.nat(5) }),
);

it('has at any time at most one owner, even if the clocks of all contenders differ as much as they may', async () => {
  const clocks = fc.array(fc.integer({ min: 0, max: CLOCK_TOLERANCE_MS - 1 }), { minLength: 3, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(clocks, fc.array(fc.tuple(fc.nat(2), step), { maxLength: 40 }), async (offsets, steps) => {
      const store = memoryStore();
      const taken: { lease: Lease; clock: () => number; isReleased: boolean }[] = [];
      let time = Date.now();
      for (const [who, now] of steps) {
        const clock = () => time + offsets[who]!;
        if (now.act === 'pass') time += now.ms;
        if (now.act === 'release') {
          const one = taken.at(-1 - now.which);
          await one?.lease.release();
          if (one !== undefined) one.isReleased = true;
        }
        if (now.act === 'take') {
          const lease = await takeLease(store, key, { ttlMs: now.ttlMs, waitMs: 0, now: clock }).catch(() => 'settled');
          if (typeof lease !== 'string') taken.push({ lease, clock, isReleased: false });
        }
        // Each on its own clock alone, without a look at the store: this is what the tolerance is for.
        const owns = taken.map((it) => !it.isReleased && it.clock() < it.lease.until);
        expect(owns.slice(0, -1)).not.toContain(true);
        expect(await Promise.all(taken.map(({ lease, clock }) => lease.stillMine(clock())))).toEqual(owns);
        expect(taken.map(({ lease }) => lease.fence)).toEqual(taken.map((_, index) => index + 1));
      }
    }),
    { numRuns: 300 },
  );
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
  const options = { ttlMs: 30_000, waitMs: 0, now: Date.now };
  await expect(takeLease(unreliable, key, options)).rejects.toThrow('the connection was lost');
  expect(await takeLease(store, key, options)).toMatchObject({ fence: 2 });
});

it('is had of a keystore', async () => {
  const keystore = await memoryKeystore();
  const options = { ttlMs: 30_000, waitMs: 0, now: Date.now };
  const lease = await keystore.lease(key, options);
  expect(lease).toMatchObject({ fence: 1 });
  expect((await failureOf(keystore.lease(key, options))).code).toBe('refresh_busy');
});
