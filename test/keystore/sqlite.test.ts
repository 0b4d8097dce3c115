import { chmod, open, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeSqlite } from '../../src/keystore/nodesqlite.ts';
import { openSqlite, type SqliteDriver } from '../../src/keystore/sqlite.ts';
import { storeKey } from '../../src/keystore/store.ts';
import { failureOf } from './failure.ts';
import { temporaryFolder } from './place.ts';

const key = storeKey('app', 'a');
const drivers: SqliteDriver[] = nodeSqlite() ? ['keyv', 'node'] : ['keyv'];

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

describe.each(drivers)('an SQLite file under the driver %s', (driver) => {
  it('is private with its -wal and -shm, in a folder that is made private', async () => {
    const folder = join(await temporaryFolder(), 'a', 'b');
    const file = join(folder, 'tieline.db');
    const store = await openSqlite(file, driver);
    await store.set(key, 'value');
    expect(await Promise.all([file, `${file}-wal`, `${file}-shm`].map(modeOf))).toEqual(['600', '600', '600']);
    expect(await modeOf(folder)).toBe('700');
    await store.close();
  });

  it('is made private when it was not; a folder that was there is left as it is', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'tieline.db');
    await chmod(folder, 0o755);
    await writeFile(file, '');
    await chmod(file, 0o664);
    const store = await openSqlite(file, driver);
    expect([await modeOf(file), await modeOf(folder)]).toEqual(['600', '755']);
    await store.close();
  });

  it('that is no database is left untouched, and named', async () => {
    const file = join(await temporaryFolder(), 'tieline.db');
    const text = 'not a database, but somebody may want it back. '.repeat(100);
    await writeFile(file, text);
    const error = await failureOf(openSqlite(file, driver));
    expect(error).toMatchObject({ code: 'store_unavailable', hint: expect.stringMatching(/Restore .* move it away/) });
    expect(error.message).toContain(file);
    expect(error.message).toContain('not a database');
    expect(await readFile(file, 'utf8')).toBe(text);
  });

  it('with a damaged page never reads as empty', async () => {
    const file = join(await temporaryFolder(), 'tieline.db');
    const keys = Array.from({ length: 50 }, (_, index) => storeKey('app', String(index)));
    const written = await openSqlite(file, driver);
    for (const each of keys) await written.set(each, 'x'.repeat(500));
    await written.close();
    const bytes = await open(file, 'r+');
    const { size } = await bytes.stat();
    await bytes.write(Buffer.alloc(size - 4_096, 0xa5), 0, size - 4_096, 4_096); // all but the schema
    await bytes.close();
    const error = await failureOf(openSqlite(file, driver).then((store) => store.getMany(keys)));
    expect(error).toMatchObject({ code: 'store_unavailable', message: `the keystore file ${file} is damaged` });
  });

  it('that cannot be opened is named', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'file'), '');
    for (const file of [folder, join(folder, 'file', 'tieline.db')]) {
      const error = await failureOf(openSqlite(file, driver));
      expect(error.code).toBe('store_unavailable');
      expect(error.message).toContain(file);
    }
  });

  it.each([
    ['plain text', 'ya29.token'],
    ['JSON of another shape', '{"accessToken":"x"}'],
    ['JSON null', 'null'],
    ['a value that is no text', '{"value":1}'],
  ])('with %s in a row says so instead of taking it for absent', async (_, text) => {
    const file = join(await temporaryFolder(), 'tieline.db');
    const store = await openSqlite(file, driver);
    const { KeyvSqlite } = await import('@keyv/sqlite');
    const raw = new KeyvSqlite(`sqlite://${file}`);
    await raw.set(key, text);
    await raw.disconnect();
    expect((await failureOf(store.get(key))).code).toBe('keystore_tampered');
    expect((await failureOf(store.getMany([key]))).code).toBe('keystore_tampered');
    expect((await failureOf(store.replace(key, undefined, 'x'))).code).toBe('keystore_tampered');
    await store.close();
    await (await openSqlite(file, driver)).close(); // and does not keep the others from being read
  });

  it('uses the write-ahead log and syncs every commit', async () => {
    const file = join(await temporaryFolder(), 'tieline.db');
    await (await openSqlite(file, driver)).close();
    const header = (await readFile(file)).subarray(18, 20); // https://www.sqlite.org/fileformat.html: 2 is WAL
    expect([...header]).toEqual([2, 2]);
  });
});

it.skipIf(nodeSqlite())('the driver node is refused where Node has none', async () => {
  const error = await failureOf(openSqlite(join(await temporaryFolder(), 'tieline.db'), 'node'));
  expect(error).toMatchObject({ code: 'config_invalid', message: expect.stringContaining('node:sqlite') });
});

it('the driver is node:sqlite where Node has it, else @keyv/sqlite', async () => {
  const store = await openSqlite(join(await temporaryFolder(), 'tieline.db'));
  expect(store.driver).toBe(nodeSqlite() ? 'node:sqlite' : '@keyv/sqlite');
  await store.close();
});
