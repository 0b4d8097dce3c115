import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { TielineError } from '../../src/errors.ts';
import { GatheredReads } from '../../src/keystore/gathered.ts';
import { type StoreKey, storeKey } from '../../src/keystore/store.ts';
import { failureOf } from './failure.ts';

const [a, b, c] = ['a', 'b', 'c'].map((it) => storeKey('app', it)) as [StoreKey, StoreKey, StoreKey];

/** A store that tells what it was asked for; `fail` may refuse the keys of one reading. */
function place(rows: Map<string, string>, fail: (keys: readonly StoreKey[]) => Error | undefined = () => undefined) {
  const asked: (readonly StoreKey[])[] = [];
  const read = async (keys: readonly StoreKey[]) => {
    asked.push(keys);
    const error = fail(keys);
    if (error) throw error;
    return keys.map((it) => rows.get(it));
  };
  const store = { get: async (key: StoreKey) => (await read([key]))[0], getMany: read };
  return { asked, reads: new GatheredReads(store) };
}

describe('gathered reads', () => {
  it('of one turn are one, with each key once', async () => {
    const { asked, reads } = place(new Map([[a, '1'], [b, '2']])); // biome-ignore format: one line
    const given = await Promise.all([reads.get(a), reads.get(b), reads.get(a), reads.get(c)]);
    expect(given).toEqual(['1', '2', '1', undefined]);
    expect(asked).toEqual([[a, b, c]]);
  });

  it('give what is there after they were asked for', async () => {
    const rows = new Map([[a, 'old']]);
    const { asked, reads } = place(rows);
    const first = reads.get(a);
    rows.set(a, 'new');
    expect(await first).toBe('new');
    rows.delete(a);
    expect(await reads.get(a)).toBeUndefined();
    await nextTurn();
    expect(asked).toEqual([[a], [a]]);
  });

  it('are several where they are many', async () => {
    const keys = Array.from({ length: 250 }, (_, i) => storeKey('app', String(i)));
    const { asked, reads } = place(new Map(keys.map((it) => [it, `of ${it}`])));
    expect(await Promise.all(keys.map((it) => reads.get(it)))).toEqual(keys.map((it) => `of ${it}`));
    expect(asked.map((it) => it.length)).toEqual([100, 100, 50]);
  });

  it('fail for those alone whose row is damaged', async () => {
    const damaged = new TielineError('keystore_tampered', 'a row is no entry');
    const { reads } = place(new Map([[a, '1'], [c, '3']]), (keys) => (keys.includes(b) ? damaged : undefined)); // biome-ignore format: one line
    const [one, two, three] = await Promise.allSettled([reads.get(a), reads.get(b), reads.get(c)]);
    expect([one, three]).toEqual([
      { status: 'fulfilled', value: '1' },
      { status: 'fulfilled', value: '3' },
    ]);
    expect(two).toEqual({ status: 'rejected', reason: damaged });
  });

  it('fail for all, without another try, where the store does', async () => {
    const gone = new TielineError('store_unavailable', 'it does not answer');
    const { asked, reads } = place(new Map(), () => gone);
    const failures = await Promise.all([a, b].map((it) => failureOf(reads.get(it))));
    expect(failures).toEqual([gone, gone]);
    expect(asked).toHaveLength(1);
  });
});
