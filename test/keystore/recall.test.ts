import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { memoryKeyring } from '../../src/keystore/keyring.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import { nodeSqlite } from '../../src/keystore/nodesqlite.ts';
import { openStore } from '../../src/keystore/open.ts';
import { RecalledValues } from '../../src/keystore/recalled.ts';
import type { SqliteDriver } from '../../src/keystore/sqlite.ts';
import { storeKey } from '../../src/keystore/store.ts';
import { failureOf } from './failure.ts';
import { otherProcess } from './otherprocess.ts';
import { temporaryFolder } from './place.ts';
import { postgresIsAbsent, postgresPlace, redisIsAbsent, redisPlace } from './servers.ts';

const [key, other, absent] = ['a', 'b', 'c'].map((it) => storeKey('app', it)) as [never, never, never];
const drivers: SqliteDriver[] = nodeSqlite() ? ['keyv', 'node'] : ['keyv'];
const keyring = memoryKeyring();

type Value = { list: { n: number }[] };
const value = (n: number): Value => ({ list: [{ n }] });

const file = async () => join(await temporaryFolder(), 'tieline.db');

/** Stores of each kind, and whether one tells when it has changed. */
const PLACES = [
  ...drivers.map((driver) => ({
    name: `SQLite, ${driver}`,
    driver,
    url: async () => `sqlite:${await file()}`,
    why: '',
  })),
  { name: 'PostgreSQL', driver: undefined, url: () => postgresPlace().url.href, why: postgresIsAbsent },
  { name: 'Redis', driver: undefined, url: () => redisPlace().url.href, why: redisIsAbsent },
];

for (const { name, driver, url, why } of PLACES) {
  describe.skipIf(why)(`what is recalled from ${name}${why}`, () => {
    let one: Keystore;
    let two: Keystore;
    beforeEach(async () => {
      const place = await url();
      one = await Keystore.open({ store: await openStore(place, { driver }), keyring });
      two = await Keystore.open({ store: await openStore(place, { driver }), keyring });
    });
    afterEach(() => Promise.all([one.close(), two.close()]));

    it('is what is stored, and the same value as long as it stays', async () => {
      await one.write(key, value(1));
      const first = await one.recall<Value>(key);
      expect(first).toMatchObject((await one.read(key)) as object);
      expect(await one.recall(absent)).toBeUndefined();
      await one.write(other, value(2));
      expect((await one.recall(key))?.value).toBe(first?.value);
      expect((await one.recall(key))?.sealed).toBe(first?.sealed);
      expect(await one.recall(absent)).toBeUndefined();
    });

    it('is frozen, as others have it too', async () => {
      await one.write(key, value(1));
      const { value: given } = (await one.recall<Value>(key)) ?? { value: value(0) };
      expect(() => given.list.push({ n: 2 })).toThrow(TypeError);
      expect(() => Object.assign(given.list[0] as object, { n: 2 })).toThrow(TypeError);
      expect((await one.read<Value>(key))?.value).toEqual(value(1));
    });

    it('is at once what was written here or by another store, also after it was not there', async () => {
      for (const [n, by] of [one, two, one, two].entries()) {
        await by.write(key, value(n));
        expect((await one.recall(key))?.value).toEqual(value(n));
        expect((await two.recall(key))?.value).toEqual(value(n));
      }
      const version = await one.recall(key);
      expect(await two.replace(key, version, value(9))).toBeDefined();
      expect(await one.replace(key, version, value(8))).toBeUndefined();
      expect((await one.recall(key))?.value).toEqual(value(9));
      await two.delete(key);
      for (let i = 0; i < 2; i++) expect(await one.recall(key)).toBeUndefined();
      await two.write(key, value(1));
      expect((await one.recall(key))?.value).toEqual(value(1));
    });

    it('comes in the order of the keys, what is known and what is not', async () => {
      await one.write(key, value(1));
      await one.write(other, value(2));
      await one.recall(other);
      const many = await one.recallMany<Value>([absent, other, key, other]);
      expect(many.map((it) => it?.value.list[0]?.n)).toEqual([undefined, 2, 1, 2]);
      await two.write(other, value(3));
      const again = await one.recallMany<Value>([absent, other, key]);
      expect(again.map((it) => it?.value.list[0]?.n)).toEqual([undefined, 3, 1]);
      expect(again[2]?.value).toBe(many[2]?.value);
      expect(await one.recallMany([])).toEqual([]);
    });
  });
}

describe.each(drivers)('what another process writes, under the driver %s', (driver) => {
  it('is recalled when it has been written', async () => {
    const path = await file();
    const keystore = await Keystore.open({ store: await openStore(`sqlite:${path}`, { driver }), keyring });
    const scratch = await Keystore.open({ store: await openStore('memory:'), keyring });
    const writer = await otherProcess(path, driver);
    for (let n = 0; n < 5; n++) {
      await scratch.write(key, value(n));
      const { sealed = '' } = (await scratch.read(key)) ?? {};
      await writer.set(key, sealed);
      await sleep(3); // the stamp is looked at once a millisecond
      expect((await keystore.recall(key))?.value).toEqual(value(n));
      expect((await keystore.recallMany([key, absent]))[0]?.value).toEqual(value(n));
    }
    // A row in the place of another.
    await writer.set(other, (await scratch.read(key))?.sealed ?? '');
    await sleep(3);
    expect(await failureOf(keystore.recall(other))).toMatchObject({ code: 'keystore_tampered' });
    await writer.end();
    await keystore.close();
  });
});

describe('what was opened', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
  afterEach(() => void vi.useRealTimers());
  const recalled = (n: number, stamp = 1) => ({ sealed: String(n), value: value(n), stamp });

  it('is in memory for a minute at most, also when it is looked at anew', () => {
    const values = new RecalledValues();
    const it = recalled(1);
    values.set('a', it);
    vi.advanceTimersByTime(29_999);
    for (let i = 0; i < 29; i++) {
      vi.advanceTimersByTime(1_000);
      expect(values.get('a')?.value).toBe(it.value);
      values.set('a', { ...it, stamp: i });
    }
    vi.advanceTimersByTime(2_000);
    expect(values.get('a')).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is the last that was set, also that there is nothing', () => {
    const values = new RecalledValues();
    for (const isOld of [false, true]) {
      values.set('a', recalled(1));
      if (isOld) vi.advanceTimersByTime(30_000);
      values.set('a', { sealed: undefined, value: undefined, stamp: 2 });
      expect(values.get('a')).toEqual({ sealed: undefined, value: undefined, stamp: 2 });
      values.set('a', recalled(3));
      expect(values.get('a')?.sealed).toBe('3');
    }
  });

  it('is never more than so much', () => {
    const values = new RecalledValues();
    for (let i = 0; i < 10_001; i++) values.set(String(i), recalled(i));
    expect(values.get('0')).toBeUndefined();
    expect(values.get('10000')).toBeDefined();
    values.clear();
    expect(values.get('10000')).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });
});
