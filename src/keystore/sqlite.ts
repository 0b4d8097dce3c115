import { chmod, mkdir, open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyvStoreAdapter } from 'keyv';
import { isTielineError, TielineError } from '../errors.ts';
import { keyvStore } from './keyv.ts';
import { NodeSqliteAdapter, nodeSqlite } from './nodesqlite.ts';
import type { Store } from './store.ts';
import { walStamp } from './walstamp.ts';

export type SqliteDriver = 'node' | 'keyv';

/** What both drivers are: a Keyv adapter on the same table which also runs SQL. */
type Adapter = KeyvStoreAdapter & { query(sql: string, ...parameters: unknown[]): Promise<unknown[]> };

const BUSY_MS = 5_000;
const TABLE = 'CREATE TABLE IF NOT EXISTS keyv(key VARCHAR(255) PRIMARY KEY, value TEXT)';
const INSERT = 'INSERT INTO keyv(key, value) VALUES (?, ?) ON CONFLICT(key) DO NOTHING RETURNING key';
const UPDATE = 'UPDATE keyv SET value = ? WHERE key = ? AND value = ? RETURNING key';
const DELETE = 'DELETE FROM keyv WHERE key = ? AND value = ? RETURNING key';
const SWEEP = "DELETE FROM keyv WHERE CASE WHEN json_valid(value) THEN json_extract(value, '$.expires') <= ? END";

/**
 * A store in one SQLite file, which any number of processes on this machine may share.
 * The file, its -wal and its -shm are readable by the owner alone; a folder that has to be made is 0700.
 */
export async function openSqlite(path: string, driver?: SqliteDriver): Promise<Store> {
  const file = resolve(path);
  let adapter: Adapter | undefined;
  let stamp: ReturnType<typeof walStamp> | undefined;
  try {
    await makePrivate(file);
    const stamped = walStamp(file);
    stamp = stamped;
    const name = driver ?? (nodeSqlite() ? 'node' : 'keyv');
    const opened = name === 'node' ? nodeAdapter(file) : await keyvAdapter(file);
    adapter = opened;
    await prepare(opened);
    const disconnect = opened.disconnect?.bind(opened);
    opened.disconnect = async () => {
      await disconnect?.();
      stamped.close();
    };
    const changes = async (sql: string, ...parameters: string[]) => (await opened.query(sql, ...parameters)).length > 0;
    return keyvStore({
      driver: name === 'node' ? 'node:sqlite' : '@keyv/sqlite',
      stamp: stamped,
      adapter: opened,
      swap: (key, from, to) => (from === undefined ? changes(INSERT, key, to) : changes(UPDATE, to, key, from)),
      remove: (key, from) => changes(DELETE, key, from),
      failure: (error) => failure(file, error),
    });
  } catch (error) {
    await adapter?.disconnect?.().catch(() => undefined); // the first failure is the one to tell
    stamp?.close();
    throw isTielineError(error) ? error : failure(file, error);
  }
}

/** SQLite gives -wal and -shm the mode of the database, so creating that one first with 0600 settles all three. */
async function makePrivate(file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  // Only made where there is none: closing a file of its own ends all locks that SQLite holds on it in this process.
  await open(file, 'wx', 0o600).then(
    (made) => made.close(),
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    },
  );
  for (const suffix of ['', '-wal', '-shm']) {
    await chmod(file + suffix, 0o600).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
}

function nodeAdapter(file: string): Adapter {
  const sqlite = nodeSqlite();
  if (sqlite === undefined) throw new TielineError('config_invalid', `Node ${process.version} has no node:sqlite`);
  return new NodeSqliteAdapter(sqlite, file);
}

async function keyvAdapter(file: string): Promise<Adapter> {
  const { KeyvSqlite } = await import('@keyv/sqlite').catch((cause) => {
    throw new TielineError('store_unavailable', 'the SQLite driver could not be loaded', {
      hint: 'Use Node 22.13 or later, or let the install script of sqlite3 run: npm rebuild sqlite3',
      cause,
    });
  });
  return new KeyvSqlite({ uri: `sqlite://${file}`, table: 'keyv', busyTimeout: BUSY_MS });
}

async function prepare(adapter: Adapter): Promise<void> {
  await adapter.query(`PRAGMA busy_timeout = ${BUSY_MS}`);
  await patiently(() => adapter.query('PRAGMA journal_mode = WAL'));
  // FULL: with NORMAL a power cut can undo the last commits, and with them a rotated refresh token
  // whose predecessor the provider has already revoked.
  await adapter.query('PRAGMA synchronous = FULL');
  await adapter.query(TABLE);
  await adapter.query(SWEEP, Date.now());
}

/** The switch to WAL needs the file for itself and does not wait for it as other statements do. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + BUSY_MS; ; await sleep(20)) {
    try {
      return await work();
    } catch (error) {
      if (resultCode(error) !== 5 || Date.now() > deadline) throw error;
    }
  }
}

/** SQLite's primary result code: sqlite3 calls it errno, node:sqlite errcode and adds the extended bits. */
function resultCode(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const code = 'errcode' in error ? error.errcode : 'errno' in error ? error.errno : undefined;
  return typeof code === 'number' && code > 0 ? code & 0xff : undefined;
}

/** https://www.sqlite.org/rescode.html */
const REASONS: Readonly<Record<number, readonly [what: string, hint: string]>> = {
  5: ['is locked by another process', 'Try again; if it stays locked, end the process that holds it'],
  8: ['cannot be written', 'Give the user that runs Tieline write access to the file and its folder'],
  11: ['is damaged', 'Restore a copy of it, or move it away to start with an empty one'],
  13: ['cannot grow: the disk is full', 'Free some space on that disk'],
  14: ['cannot be opened', 'Give the user that runs Tieline access to the file and its folder'],
  26: ['is damaged or not a database', 'Restore a copy of it, or move it away to start with an empty one'],
};

function failure(file: string, cause: unknown): TielineError {
  const code = resultCode(cause);
  const [what, hint] = REASONS[code ?? -1] ?? ['failed', 'Check that the file and its folder can be read and written'];
  const retryAfter = code === 5 ? 1 : undefined;
  return new TielineError('store_unavailable', `the keystore file ${file} ${what}`, { hint, retryAfter, cause });
}
