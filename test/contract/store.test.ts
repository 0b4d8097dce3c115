import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/keystore/memory.ts';
import { nodeSqlite } from '../../src/keystore/nodesqlite.ts';
import { openStore } from '../../src/keystore/open.ts';
import type { SqliteDriver } from '../../src/keystore/sqlite.ts';
import { storeKey } from '../../src/keystore/store.ts';
import { temporaryFolder } from '../keystore/place.ts';
import { storeContract } from './store.ts';

const file = async () => `sqlite:${join(await temporaryFolder(), 'tieline.db')}`;

const sqlite = (one: SqliteDriver, two: SqliteDriver) => async () => {
  const url = await file();
  let turn = 0;
  return { persistent: true, open: () => openStore(url, { driver: turn++ % 2 ? two : one }) };
};

storeContract('memory', async () => {
  const store = memoryStore();
  return { persistent: false, open: async () => store };
});

storeContract('@keyv/sqlite', sqlite('keyv', 'keyv'));

const reason = nodeSqlite() ? '' : ` (skipped: node:sqlite needs Node 22.13, this is ${process.version})`;

describe.skipIf(reason)(`with node:sqlite${reason}`, () => {
  storeContract('node:sqlite', sqlite('node', 'node'));
  storeContract('node:sqlite and @keyv/sqlite on one file', sqlite('node', 'keyv'));

  it.each([
    ['node', 'keyv'],
    ['keyv', 'node'],
  ] as const)('what %s wrote %s reads', async (writer, reader) => {
    const url = await file();
    const [key, other] = [storeKey('app', 'é', 'x'.repeat(300)), storeKey('app', 'b')];
    const written = await openStore(url, { driver: writer });
    await written.set(key, 'é🔑\0', 60_000);
    await written.replace(other, undefined, 'b');
    await written.close();
    const read = await openStore(url, { driver: reader });
    expect(await read.getMany([other, key])).toEqual(['b', 'é🔑\0']);
    expect(await read.replace(key, 'é🔑\0', 'next')).toBe(true);
    await read.close();
  });
});
