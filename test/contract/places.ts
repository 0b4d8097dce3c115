import { join } from 'node:path';
import { describe } from 'vitest';
import { memoryStore } from '../../src/keystore/memory.ts';
import { nodeSqlite } from '../../src/keystore/nodesqlite.ts';
import { openStore } from '../../src/keystore/open.ts';
import type { SqliteDriver } from '../../src/keystore/sqlite.ts';
import type { Store } from '../../src/keystore/store.ts';
import { temporaryFolder } from '../keystore/place.ts';
import { postgresIsAbsent, postgresPlace, redisIsAbsent, redisPlace } from '../keystore/servers.ts';

/** A new, empty place to store things. Each `open` gives a handle of its own on it. */
export type Place = { open(): Promise<Store>; readonly persistent: boolean };

/**
 * One driver at a time: two SQLite libraries in one process end each other's POSIX locks when they close a file
 * (sqlite.org/howtocorrupt.html §2.2.1). Between processes the drivers may be mixed.
 */
const sqlite = (driver: SqliteDriver) => async (): Promise<Place> => {
  const url = `sqlite:${join(await temporaryFolder(), 'tieline.db')}`;
  return { persistent: true, open: () => openStore(url, { driver }) };
};

const server = (makePlace: () => { url: URL }) => async (): Promise<Place> => {
  const { url } = makePlace();
  return { persistent: true, open: () => openStore(url.href) };
};

export const nodeSqliteIsAbsent = nodeSqlite()
  ? ''
  : ` (skipped: node:sqlite needs Node 22.13, this is ${process.version})`;

const EVERYWHERE: readonly [name: string, absent: string, makePlace: () => Promise<Place>][] = [
  [
    'memory',
    '',
    async () => {
      const store = memoryStore();
      return { persistent: false, open: async () => store };
    },
  ],
  ['@keyv/sqlite', '', sqlite('keyv')],
  ['node:sqlite', nodeSqliteIsAbsent, sqlite('node')],
  ['@keyv/postgres', postgresIsAbsent, server(postgresPlace)],
  ['@keyv/redis', redisIsAbsent, server(redisPlace)],
];

/** Runs a contract over everything that can hold a store, and names what is not there to try. */
export function everywhere(contract: string, define: (makePlace: () => Promise<Place>) => void): void {
  describe.each(EVERYWHERE)(`${contract}: %s%s`, (_, absent, makePlace) => {
    describe.skipIf(absent)('', () => define(makePlace));
  });
}
