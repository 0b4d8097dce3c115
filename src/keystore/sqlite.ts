import { statSync } from 'node:fs';
import { chmod, mkdir, open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { KeyvStoreAdapter } from 'keyv';
import { isTielineError, TielineError } from '../errors.ts';
import { keyvStore } from './keyv.ts';
import { NodeSqliteAdapter, nodeSqlite } from './nodesqlite.ts';
import { patience } from './patience.ts';
import type { Store } from './store.ts';
import { fileId, walStamp } from './walstamp.ts';
import { type FileStore, watchedFile } from './watchedfile.ts';

export type SqliteDriver = 'node' | 'keyv';

/** What both drivers are: a Keyv adapter on the same table which also runs SQL. */
type Adapter = KeyvStoreAdapter &
  Required<Pick<KeyvStoreAdapter, 'getMany' | 'disconnect'>> & {
    query(sql: string, ...parameters: unknown[]): Promise<unknown[]>;
  };

/** How long a write waits for those of other processes, in milliseconds. */
const BUSY_MS = 5_000;
const TABLE = 'CREATE TABLE IF NOT EXISTS keyv(key VARCHAR(255) PRIMARY KEY, value TEXT)';
const INSERT = 'INSERT INTO keyv(key, value) VALUES (?, ?) ON CONFLICT(key) DO NOTHING RETURNING key';
const UPDATE = 'UPDATE keyv SET value = ? WHERE key = ? AND value = ? RETURNING key';
const DELETE = 'DELETE FROM keyv WHERE key = ? AND value = ? RETURNING key';
const PAGE = 'SELECT key, value FROM keyv WHERE key > ? ORDER BY key LIMIT ?';
/** An entry ends in its expiry (see entry.ts); most have none, and are not parsed. */
const IS_OVER = `substr(value, -40) LIKE '%,"expires":%' AND json_valid(value) AND json_extract(value, '$.expires') <= ?`;
const OVER = `SELECT max(key) AS last, count(*) AS rows, sum(${IS_OVER}) AS over
  FROM (SELECT key, value FROM keyv WHERE key > ? ORDER BY key LIMIT ?)`;
const SWEEP = `DELETE FROM keyv WHERE key > ? AND key <= ? AND ${IS_OVER}`;

/**
 * A store in one SQLite file, which any number of processes on this machine may share.
 * The file, its -wal and its -shm are readable by the owner alone; a folder that has to be made is 0700.
 *
 * Reading waits for nobody, as the log is there for (https://www.sqlite.org/wal.html). A write waits for those of other
 * processes, and this process goes on meanwhile: SQLite itself never waits, with node:sqlite that would be on the event
 * loop.
 */
export async function openSqlite(path: string, driver?: SqliteDriver): Promise<Store> {
  const file = resolve(path);
  try {
    await makePrivate(file);
    return watchedFile(file, await openFile(file, driver), () => openFile(file, driver));
  } catch (error) {
    throw isTielineError(error) ? error : failure(file, error);
  }
}

/** Opens a file that is there. */
async function openFile(file: string, driver?: SqliteDriver): Promise<FileStore> {
  let adapter: Adapter | undefined;
  let stamp: ReturnType<typeof walStamp> | undefined;
  try {
    const main = fileId(file);
    const stamped = walStamp(file);
    stamp = stamped;
    const name = driver ?? (nodeSqlite() ? 'node' : 'keyv');
    const opened = await (name === 'node' ? nodeAdapter(file) : keyvAdapter(file));
    adapter = opened;
    const beside = ['-wal', '-shm'].map((suffix) => [file + suffix, fileId(file + suffix)] as const);
    const disconnect = opened.disconnect.bind(opened);
    opened.disconnect = async () => {
      await disconnect();
      stamped.close();
    };
    const changes = async (sql: string, ...parameters: string[]) => (await opened.query(sql, ...parameters)).length > 0;
    const turns = { reads: patience(isBusy, BUSY_MS), writes: patience(isBusy, BUSY_MS) };
    const store = keyvStore({
      driver: name === 'node' ? 'node:sqlite' : '@keyv/sqlite',
      stamp: stamped,
      adapter: opened,
      run: (operation, kind) => turns[kind](operation),
      swap: (key, from, to) => (from === undefined ? changes(INSERT, key, to) : changes(UPDATE, to, key, from)),
      remove: (key, from) => changes(DELETE, key, from),
      page: (after, most) => pageOf(opened, after, most),
      sweep: (after, most) => sweep(opened, after, most),
      failure: (error) => failure(file, error),
    });
    return {
      ...store,
      look() {
        const now = fileId(file);
        if (now === undefined || statSync(file, { throwIfNoEntry: false })?.size === 0) return 'gone';
        if (now !== main) return 'replaced';
        return beside.every(([it, id]) => id === undefined || fileId(it) === id) ? 'same' : 'unlogged';
      },
      async settle() {
        const [, index] = beside;
        const here = index && fileId(index[0]);
        if (stamped.isShared() || (here !== undefined && here !== index?.[1])) throw unlogged(file);
        await opened.query('PRAGMA wal_checkpoint(PASSIVE)').catch(() => undefined);
      },
    };
  } catch (error) {
    await adapter?.disconnect().catch(() => undefined); // the first failure is the one to tell
    stamp?.close();
    throw isTielineError(error) ? error : failure(file, error);
  }
}

async function pageOf({ query }: Adapter, after = '', most: number) {
  const found = (await query(PAGE, after, most)) as { key: string; value: string }[];
  const rows = found.map(({ key, value }) => [key, value] as const);
  return { rows, next: rows.length < most ? undefined : rows.at(-1)?.[0] };
}

/** Asks first: most pages have nothing to remove, and to read takes no lock. */
async function sweep({ query }: Adapter, after = '', most: number): Promise<string | undefined> {
  const now = Date.now();
  const [found] = (await query(OVER, now, after, most)) as { last: string; rows: number; over: number | null }[];
  if (found?.over) await query(SWEEP, after, found.last, now);
  return found && found.rows >= most ? found.last : undefined;
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

function nodeAdapter(file: string): Promise<Adapter> {
  const sqlite = nodeSqlite();
  if (sqlite === undefined) throw new TielineError('config_invalid', `Node ${process.version} has no node:sqlite`);
  return prepared(new NodeSqliteAdapter(sqlite, file));
}

/**
 * Reads on one connection and writes on another, one statement after the other. sqlite3 leaves a statement that was refused
 * active for a moment; another one that writes meanwhile on the same connection is in one transaction with it, and undone
 * with it although it was told to have been done (https://www.sqlite.org/lang_transaction.html, implicit transactions).
 */
async function keyvAdapter(file: string): Promise<Adapter> {
  const { KeyvSqlite } = await import('@keyv/sqlite').catch((cause) => {
    throw new TielineError('store_unavailable', 'the SQLite driver could not be loaded', {
      hint: 'Use Node 22.13 or later, or let the install script of sqlite3 run: npm rebuild sqlite3',
      cause,
    });
  });
  // It makes the table in the constructor, on a thread of its own.
  const connect = () => prepared(new KeyvSqlite({ uri: `sqlite://${file}`, table: 'keyv', busyTimeout: BUSY_MS }));
  const adapter = await connect();
  const reader = await connect().catch(async (error) => {
    await adapter.disconnect();
    throw error;
  });
  const { query, disconnect } = adapter;
  let last: Promise<unknown> = Promise.resolve();
  return Object.assign(adapter, {
    get: reader.get.bind(reader),
    getMany: reader.getMany.bind(reader),
    query(sql: string, ...parameters: unknown[]) {
      const mine = last.then(() => query(sql, ...parameters));
      last = mine.catch(() => undefined);
      return mine;
    },
    async disconnect() {
      await reader.disconnect();
      await disconnect.call(adapter);
    },
  });
}

async function prepared(adapter: Adapter): Promise<Adapter> {
  try {
    await prepare(adapter);
    return adapter;
  } catch (error) {
    await adapter.disconnect().catch(() => undefined); // the first failure is the one to tell
    throw error;
  }
}

async function prepare(adapter: Adapter): Promise<void> {
  const patiently = patience(isBusy, BUSY_MS);
  await adapter.query('PRAGMA busy_timeout = 0');
  await patiently(() => adapter.query('PRAGMA journal_mode = WAL'));
  // FULL: with NORMAL a power cut can undo the last commits, and with them a rotated refresh token
  // whose predecessor the provider has already revoked.
  await patiently(() => adapter.query('PRAGMA synchronous = FULL'));
  await patiently(() => adapter.query(TABLE));
}

const isBusy = (error: unknown): boolean => resultCode(error) === 5;

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

const unlogged = (file: string): TielineError =>
  new TielineError('store_unavailable', `the write-ahead log of ${file} was removed while Tieline had it open`, {
    hint: 'Restart Tieline',
  });
