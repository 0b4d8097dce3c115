import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { nodeSqlite } from '../../src/keystore/nodesqlite.ts';
import { openSqlite, type SqliteDriver } from '../../src/keystore/sqlite.ts';
import { storeKey } from '../../src/keystore/store.ts';
import { walStamp } from '../../src/keystore/walstamp.ts';
import { otherProcess } from './otherprocess.ts';
import { temporaryFolder } from './place.ts';

const key = storeKey('app', 'a');
const drivers: SqliteDriver[] = nodeSqlite() ? ['keyv', 'node'] : ['keyv'];
const isLinux = process.platform === 'linux';

const newFile = async () => join(await temporaryFolder(), 'tieline.db');

/** Longer than a stamp is taken for the latest without a look. */
const aWhile = () => sleep(3);

describe.each(drivers)('the stamp of a store under the driver %s', (driver) => {
  it('stays as long as nothing is written, however much is read', async () => {
    const store = await openSqlite(await newFile(), driver);
    const stamp = store.stamp?.();
    expect(stamp).toEqual(expect.any(Number));
    for (let i = 0; i < 3; i++) {
      await aWhile();
      await store.get(key);
      await store.getMany([key]);
      expect(store.stamp?.()).toBe(stamp);
    }
    await store.close();
  });

  it('is another one at once after each write of this process, whichever store of it wrote', async () => {
    const file = await newFile();
    const [one, two] = [await openSqlite(file, driver), await openSqlite(file, driver)];
    const seen = new Set([one.stamp?.()]);
    await one.set(key, 'a');
    seen.add(one.stamp?.());
    await two.replace(key, 'a', 'b');
    seen.add(one.stamp?.());
    await two.delete(key);
    seen.add(one.stamp?.());
    expect(seen.size).toBe(4);
    expect(two.stamp?.()).toBe(one.stamp?.());
    await Promise.all([one.close(), two.close()]);
  });

  it('is another one after another process has written, and is none once the store is closed', async () => {
    const file = await newFile();
    const store = await openSqlite(file, driver);
    const other = await otherProcess(file, driver);
    await aWhile();
    const seen = new Set([store.stamp?.()]);
    for (const value of ['a', 'b', 'c']) {
      await other.set(key, value);
      await aWhile();
      seen.add(store.stamp?.());
    }
    expect(seen.size).toBe(4);
    await other.end();
    expect(await store.get(key)).toBe('c');
    await store.close();
    expect(store.stamp?.()).toBeUndefined();
  });

  it.runIf(isLinux)(
    'costs nobody a lock when another store of the process opens and closes, and is closed with the last',
    async () => {
      const file = await newFile();
      const kept = await openSqlite(file, driver);
      kept.stamp?.();
      const locks = locksOn(file);
      expect(locks).toBeGreaterThan(0);
      const another = await openSqlite(file, driver);
      another.stamp?.();
      await another.close();
      await another.close();
      expect(locksOn(file)).toBe(locks);
      await kept.close();
      expect(locksOn(file)).toBe(0);
      expect(openOn(file)).toEqual([]);
    },
  );

  it.runIf(isLinux)('costs nobody a lock who opens the store while its last other user closes it', async () => {
    const file = await newFile();
    for (let turns = 0; turns < 12; turns++) {
      const last = await openSqlite(file, driver);
      last.stamp?.();
      const opening = openSqlite(file, driver);
      // At another point of the opening each time.
      await sleep(turns / 2);
      await last.close();
      const store = await opening;
      await store.get(key);
      const held = locksOn(`${file}-shm`);
      await store.close();
      expect([turns, held > 0]).toEqual([turns, true]);
    }
  });

  it('loses no write of two processes while other stores come and go', async () => {
    const file = await newFile();
    const store = await openSqlite(file, driver);
    await store.set(key, '0');
    const other = await otherProcess(file, driver);
    const theirs = other.add(key, 60);
    for (let left = 60; left > 0; ) {
      const text = await store.get(key);
      if (await store.replace(key, text, String(Number(text) + 1))) left -= 1;
      if (left % 10 === 0) await (await openSqlite(file, driver)).close();
    }
    await theirs;
    expect(await store.get(key)).toBe('120');
    await other.end();
    await store.close();
  });
});

it('is none for a database without an index', async () => {
  const file = await newFile();
  await writeFile(file, '');
  const stamp = walStamp(file);
  expect(stamp.stamp()).toBeUndefined();
  stamp.noteWrite();
  expect(stamp.stamp()).toBeUndefined();
  stamp.close();
});

/** How many locks this process holds on a file. */
function locksOn(file: string): number {
  const { ino } = statSync(file, { throwIfNoEntry: false }) ?? { ino: -1 };
  const all = readFileSync('/proc/locks', 'utf8').split('\n');
  return all.filter((it) => it.includes(` ${process.pid} `) && it.includes(`:${ino} `)).length;
}

/** What of a database this process has open. */
const openOn = (file: string): string[] =>
  readdirSync('/proc/self/fd').flatMap((it) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${it}`);
      return path.startsWith(file) ? [path] : [];
    } catch {
      return [];
    }
  });
