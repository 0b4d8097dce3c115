import { copyFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CANARY } from '../../src/keystore/canary.ts';
import { nodeSqlite } from '../../src/keystore/nodesqlite.ts';
import { openSqlite, type SqliteDriver } from '../../src/keystore/sqlite.ts';
import { type Store, storeKey } from '../../src/keystore/store.ts';
import { failureOf } from './failure.ts';
import { otherProcess } from './otherprocess.ts';
import { temporaryFolder } from './place.ts';

const [key, other] = [storeKey('app', 'a'), storeKey('app', 'b')];
const drivers: SqliteDriver[] = nodeSqlite() ? ['keyv', 'node'] : ['keyv'];

/** Longer than files are taken for the same without a look. */
const aWhile = () => sleep(600);

const beside = (file: string) => ['-wal', '-shm'].map((it) => file + it);

// Windows lets nobody remove a file that is open.
describe.skipIf(process.platform === 'win32').each(drivers)('an SQLite file under the driver %s that is', (driver) => {
  /** A store with a canary, and a copy of it in which `key` is older. */
  async function started(): Promise<{ file: string; copy: string; store: Store }> {
    const folder = await temporaryFolder();
    const [file, copy] = [join(folder, 'tieline.db'), join(folder, 'copy.db')];
    const before = await openSqlite(file, driver);
    await before.set(CANARY, 'of this store');
    await before.set(key, 'older');
    await before.close();
    await copyFile(file, copy);
    const store = await openSqlite(file, driver);
    onTestFinished(() => store.close());
    await store.set(key, 'newer');
    return { file, copy, store };
  }

  it('replaced by a copy of it is read and written in its place', async () => {
    const { file, copy, store } = await started();
    const stamp = store.stamp?.();
    await rename(copy, file);
    for (const it of beside(file)) await rm(it);
    expect(await store.replace(key, 'newer', 'lost')).toBe(false); // a write looks at once
    expect(await store.get(key)).toBe('older');
    expect(store.stamp?.()).not.toBe(stamp);
    await store.set(other, 'kept');
    const process = await otherProcess(file, driver);
    await process.set(key, 'from there');
    await process.end();
    expect(await store.getMany([key, other])).toEqual(['from there', 'kept']);
  });

  it('replaced is noticed by those who read, and whose stamp it was', async () => {
    const { file, copy, store } = await started();
    const stamp = store.stamp?.();
    await rename(copy, file);
    for (const it of beside(file)) await rm(it);
    await aWhile();
    expect(store.stamp?.()).toBeUndefined();
    expect(await store.get(key)).toBe('older');
    expect(store.stamp?.()).toEqual(expect.any(Number));
    expect(store.stamp?.()).not.toBe(stamp);
  });

  it('removed takes no write, and goes on when it is put back', async () => {
    const { file, store } = await started();
    await rename(file, `${file}.away`);
    const error = await failureOf(store.set(other, 'x'));
    expect(error).toMatchObject({ code: 'store_unavailable', message: expect.stringContaining('was removed') });
    expect((await failureOf(store.get(key))).code).toBe('store_unavailable');
    await rename(`${file}.away`, file);
    await store.set(other, 'x');
    expect(await store.getMany([key, other])).toEqual(['newer', 'x']);
  });

  it('emptied, or replaced by an empty file, is neither read nor written', async () => {
    for (const empty of [
      (file: string) => truncate(file),
      (file: string) => rm(file).then(() => writeFile(file, '')),
    ]) {
      const { file, store } = await started();
      await empty(file);
      expect((await failureOf(store.set(other, 'x'))).message).toContain('emptied');
      expect((await failureOf(store.get(key))).code).toBe('store_unavailable');
    }
  });

  it('replaced by another store, by its own copy at last, is used then alone', async () => {
    const { file, copy, store } = await started();
    const foreign = `${file}.foreign`;
    const another = await openSqlite(foreign, driver);
    await another.set(CANARY, 'of another');
    await another.close();
    await rename(foreign, file);
    for (const it of beside(file)) await rm(it, { force: true });
    for (let i = 0; i < 2; i++) {
      const error = await failureOf(store.set(key, 'x'));
      expect(error).toMatchObject({ code: 'store_unavailable', message: expect.stringContaining('another store') });
    }
    await rename(copy, file);
    for (const it of beside(file)) await rm(it, { force: true });
    await store.set(other, 'x');
    expect(await store.getMany([key, other])).toEqual(['older', 'x']);
  });

  it('without its log keeps what was in that, also for others', async () => {
    const { file, store } = await started();
    await store.set(other, 'in the log');
    for (const it of beside(file)) await rm(it);
    await store.set(key, 'after it');
    const process = await otherProcess(file, driver);
    await process.set(storeKey('app', 'c'), 'from there');
    await process.end();
    expect(await store.getMany([key, other, storeKey('app', 'c')])).toEqual(['after it', 'in the log', 'from there']);
  });
});
