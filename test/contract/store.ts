import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isTielineError } from '../../src/errors.ts';
import { type Store, type StoreKey, storeKey } from '../../src/keystore/store.ts';
import type { Place } from './places.ts';

const ODD_PARTS = [
  '',
  ' ',
  ':',
  '_',
  '%',
  '.',
  '\0',
  'é🔑',
  '\ud800',
  "'; DROP TABLE keyv; --",
  '__proto__',
  'x'.repeat(300),
];

/** What every Store promises, whatever is behind it. */
export function storeContract(makePlace: () => Promise<Place>): void {
  describe('a store', () => {
    let place: Place;
    let one: Store;
    let two: Store;
    const key = storeKey('app', 'a');

    beforeEach(async () => {
      place = await makePlace();
      one = await place.open();
      two = await place.open();
    });
    afterEach(async () => {
      await Promise.all([one.close(), two.close()]);
    });

    it('gives back what was set, on every handle, until it is deleted', async () => {
      expect(await one.get(key)).toBeUndefined();
      await one.set(key, 'first');
      await one.set(key, 'second');
      expect(await two.get(key)).toBe('second');
      expect(await two.delete(key)).toBe(true);
      expect(await one.get(key)).toBeUndefined();
      expect(await one.delete(key)).toBe(false);
    });

    it.each(['', ':base64:AAAA', ':', '\0', '"{}\n', 'é🔑', '\ud800', 'null', 'x'.repeat(100_000)])(
      'keeps the value %j as it is',
      async (value) => {
        await one.set(key, value);
        expect(await two.get(key)).toBe(value);
        expect(await two.replace(key, value, 'next')).toBe(true);
        expect(await one.replace(key, 'next', value)).toBe(true);
        expect(await two.getMany([key])).toEqual([value]);
      },
    );

    it('keeps odd keys apart', async () => {
      const keys = ODD_PARTS.map((part) => storeKey('app', part));
      for (const [index, odd] of keys.entries()) await one.set(odd, String(index));
      expect(await two.getMany(keys)).toEqual(ODD_PARTS.map((_, index) => String(index)));
      for (const [index, odd] of keys.entries()) {
        expect(await one.get(odd)).toBe(String(index));
        expect(await one.delete(odd)).toBe(true);
        expect(await two.getMany(keys)).toEqual(ODD_PARTS.map((_, at) => (at > index ? String(at) : undefined)));
      }
    });

    it('keeps keys of any length apart', async () => {
      const long = randomBytes(4_000).toString('hex');
      const keys = ['a', 'b'].map((end) => storeKey('app', long + end));
      for (const [index, each] of keys.entries()) expect(await one.replace(each, undefined, String(index))).toBe(true);
      expect(await two.getMany(keys)).toEqual(['0', '1']);
      for (const each of keys) expect(await two.delete(each)).toBe(true);
    });

    it('answers many keys in the order asked, repeated and absent ones included', async () => {
      const [a, b, c, absent] = ['a', 'b', 'c', 'absent'].map((part) => storeKey('app', part)) as StoreKey[] &
        [StoreKey, StoreKey, StoreKey, StoreKey];
      await Promise.all([one.set(c, 'C'), one.set(a, 'A'), one.set(b, 'B')]);
      expect(await two.getMany([c, absent, a, c, b])).toEqual(['C', undefined, 'A', 'C', 'B']);
      expect(await two.getMany([])).toEqual([]);
      const many = Array.from({ length: 1_200 }, (_, index) => storeKey('app', String(index)));
      await one.set(many[1_000]!, 'thousand');
      expect((await two.getMany(many)).indexOf('thousand')).toBe(1_000);
    });

    it('forgets an entry when its time is over', async () => {
      const lasting = storeKey('app', 'lasting');
      await one.set(key, 'short', 20);
      await one.set(lasting, 'long', 60_000);
      await sleep(40);
      expect(await two.getMany([key, lasting])).toEqual([undefined, 'long']);
      expect(await two.get(key)).toBeUndefined();
      expect(await one.delete(key)).toBe(false);
    });

    it.each([0, 1, 1.5, -1])('takes an entry expired after %d ms for an absent one when comparing', async (ttlMs) => {
      await one.set(key, 'old', ttlMs);
      await sleep(3);
      expect(await two.replace(key, 'old', 'new')).toBe(false);
      expect(await two.replace(key, undefined, 'new')).toBe(true);
      expect(await one.get(key)).toBe('new');
    });

    it('replaces an expected value for certain, however often it is written again meanwhile', async () => {
      await one.set(key, 'same', 60_000);
      const writing = Promise.all(Array.from({ length: 20 }, (_, turn) => one.set(key, 'same', 60_000 + turn)));
      expect(await two.replace(key, 'same', 'next')).toBe(true);
      await writing;
    });

    // Keyv's own get deletes an expired entry by its key, and with it what was written there meanwhile.
    it('does not lose what is written over an expired entry while others read it', async () => {
      for (let round = 0; round < 10; round++) {
        await one.set(key, 'old', 0);
        await Promise.all([two.replace(key, undefined, 'new'), one.get(key), two.get(key), one.getMany([key])]);
        expect(await one.get(key), `round ${round}`).toBe('new');
      }
    });

    it('an entry set again without expiry stays', async () => {
      await one.set(key, 'short', 30);
      await one.set(key, 'stays');
      await sleep(50);
      expect(await two.get(key)).toBe('stays');
    });

    it('replaces only what is expected', async () => {
      expect(await one.replace(key, 'something', 'next')).toBe(false);
      expect(await one.get(key)).toBeUndefined();
      expect(await one.replace(key, undefined, '1')).toBe(true);
      expect(await two.replace(key, undefined, '2')).toBe(false);
      expect(await two.replace(key, '1', '2')).toBe(true);
      expect(await one.replace(key, '1', '3')).toBe(false);
      expect(await one.get(key)).toBe('2');
    });

    it('lets exactly one of 20 contenders replace an absent value, then a present one', async () => {
      for (const expected of [undefined, 'present']) {
        if (expected !== undefined) await one.set(key, expected);
        const outcomes = await Promise.all(
          Array.from({ length: 20 }, (_, who) => (who % 2 ? one : two).replace(key, expected, `winner ${who}`)),
        );
        expect(outcomes.filter(Boolean)).toHaveLength(1);
        expect(await one.get(key)).toBe(`winner ${outcomes.indexOf(true)}`);
      }
    });

    it('keeps all that it said it has written, of many writing together over three handles', async () => {
      const three = await place.open();
      const keys = Array.from({ length: 300 }, (_, index) => storeKey('user', String(index)));
      const handles = [one, two, three];
      await Promise.all(
        keys.map(async (each, index) => {
          const store = handles[index % 3]!;
          if (index % 2) await store.set(each, each);
          else expect(await store.replace(each, undefined, each)).toBe(true);
        }),
      );
      for (const store of handles) expect(await store.getMany(keys)).toEqual(keys);
      await three.close();
    });

    it('loses no increment of 40 made by compare-and-set over two handles', async () => {
      const increment = async (store: Store): Promise<void> => {
        for (;;) {
          const before = await store.get(key);
          if (await store.replace(key, before, String(Number(before ?? 0) + 1))) return;
        }
      };
      await Promise.all(Array.from({ length: 40 }, (_, who) => increment(who % 2 ? one : two)));
      expect(await one.get(key)).toBe('40');
    });

    it('lets exactly one of 20 contenders delete', async () => {
      await one.set(key, 'single use');
      const outcomes = await Promise.all(Array.from({ length: 20 }, (_, who) => (who % 2 ? one : two).delete(key)));
      expect(outcomes.filter(Boolean)).toHaveLength(1);
    });

    it('tells all that is stored in pages, whatever is written meanwhile', async () => {
      const keys = Array.from({ length: 25 }, (_, index) => storeKey('app', String(index)));
      for (const each of keys) await one.set(each, `of ${each}`);
      await one.set(storeKey('session', 'a'), 'pending', 60_000);
      const seen = new Map<string, string>();
      for (let after: string | undefined, pages = 0; pages < 1_000; pages++) {
        const page = await two.page(after, 4);
        for (const row of page.rows) seen.set(row.key, row.value);
        await one.set(storeKey('user', String(pages)), 'meanwhile');
        after = page.next;
        if (after === undefined) break;
      }
      for (const each of keys) expect(seen.get(each)).toBe(`of ${each}`);
      expect(seen.get(storeKey('session', 'a'))).toBe('pending');
    });

    it('seals anew what ends when it would have', async () => {
      await one.set(key, 'short', 300);
      expect(await two.reseal(key, 'other', 'next')).toBe(false);
      expect(await two.reseal(key, 'short', 'next')).toBe(true);
      expect(await one.get(key)).toBe('next');
      await sleep(310);
      expect(await one.get(key)).toBeUndefined();
      expect(await one.reseal(key, 'next', 'late')).toBe(false);
      await one.set(key, 'stays');
      expect(await two.reseal(key, 'stays', 'still')).toBe(true);
      expect(await one.get(key)).toBe('still');
    });

    it('is rid of what has expired, part by part, and keeps what has not', async () => {
      const [short, long, lasting] = [6, 5, 30].map((count, kind) =>
        Array.from({ length: count }, (_, index) => storeKey('session', `${kind}`, `${index}`)),
      ) as [StoreKey[], StoreKey[], StoreKey[]];
      for (const each of short) await one.set(each, 'short', 1);
      for (const each of long) await one.set(each, 'long', 60_000);
      for (const each of lasting) await one.set(each, ',"expires":1}');
      await sleep(5);
      if (one.sweep) {
        let after: string | undefined;
        let steps = 0;
        do {
          after = await one.sweep(after, 7);
          steps += 1;
        } while (after !== undefined);
        expect(steps).toBeGreaterThan(3);
      }
      const { rows } = await two.page(undefined, 1_000);
      expect(rows.map((row) => row.key).sort()).toEqual([...long, ...lasting].sort());
    });

    it('closes twice without complaint', async () => {
      await one.close();
      await one.close();
    });

    it('keeps everything over closing and opening, where it promises to; then refuses a closed handle', async () => {
      await one.set(key, 'kept');
      await Promise.all([one.close(), two.close()]);
      if (place.persistent) {
        await expect(one.get(key)).rejects.toSatisfy(isUnavailable);
        await expect(one.getMany([key])).rejects.toSatisfy(isUnavailable);
        await expect(one.set(key, 'late')).rejects.toSatisfy(isUnavailable);
        await expect(one.replace(key, 'kept', 'late')).rejects.toSatisfy(isUnavailable);
        await expect(one.delete(key)).rejects.toSatisfy(isUnavailable);
      }
      one = await place.open();
      expect(await one.get(key)).toBe('kept');
    });
  });
}

function isUnavailable(error: unknown): boolean {
  return isTielineError(error) && error.code === 'store_unavailable';
}
