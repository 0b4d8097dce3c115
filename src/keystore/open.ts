import { resolve } from 'node:path';
import { TielineError } from '../errors.ts';
import type { SqliteDriver } from './sqlite.ts';
import type { Store } from './store.ts';

export type StoreOptions = {
  /** Which SQLite driver to use. By default node:sqlite where this Node has it, else @keyv/sqlite. */
  readonly driver?: SqliteDriver | undefined;
};

/** One backend is one file, loaded when a URL asks for it. */
const OPENERS: Readonly<Record<string, (rest: string, options: StoreOptions) => Promise<Store>>> = {
  memory: async () => (await import('./memory.ts')).memoryStore(),
  postgres: async (rest) => (await import('./postgres.ts')).openPostgres(`postgres:${rest}`),
  postgresql: async (rest) => (await import('./postgres.ts')).openPostgres(`postgresql:${rest}`),
  redis: async (rest) => (await import('./redis.ts')).openRedis(`redis:${rest}`),
  rediss: async (rest) => (await import('./redis.ts')).openRedis(`rediss:${rest}`),
  sqlite: async (rest, options) => (await import('./sqlite.ts')).openSqlite(sqlitePath(rest), options.driver),
};

/**
 * Opens the store a URL names:
 * - `memory:` ends with the process
 * - `sqlite:<path>`: `sqlite:///var/lib/tieline.db` and `sqlite:/var/lib/tieline.db` are absolute,
 *   `sqlite:data/tieline.db` and `sqlite://data/tieline.db` relative to the working directory. The path is taken
 *   as it is, without percent-decoding. The file and its folder are created when absent.
 * - `postgres://<user>:<password>@<host>:<port>/<database>?sslmode=verify-full&schema=<schema>`: any part may be left
 *   out; `postgresql:` is the same. See postgres.ts.
 * - `redis://<user>:<password>@<host>:<port>/<number>?prefix=<prefix>`, `rediss:` for TLS. See redis.ts.
 *
 * Throws `config_invalid` for any other URL, which is not repeated as it may hold a password, and for a missing
 * optional package; `store_unavailable` when the store cannot be opened.
 */
export async function openStore(url: string, options: StoreOptions = {}): Promise<Store> {
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(url) ?? [];
  const name = scheme.toLowerCase();
  const opener = Object.hasOwn(OPENERS, name) ? OPENERS[name] : undefined;
  if (opener === undefined) {
    const what = scheme === '' ? 'the store is not given as a URL' : `stores of the kind "${name}:" are not supported`;
    throw new TielineError('config_invalid', what, {
      hint: 'Set TIELINE_STORE to sqlite:<path>, postgres://…, redis://… or memory:',
    });
  }
  return opener(rest, options);
}

/** The absolute path of the file that a URL names; undefined for another kind of store. */
export function fileOfStore(url: string): string | undefined {
  const rest = /^sqlite:(.+)$/is.exec(url)?.[1];
  return rest === undefined ? undefined : resolve(sqlitePath(rest));
}

function sqlitePath(rest: string): string {
  const path = rest.startsWith('//') ? rest.slice(2) : rest;
  if (path === '' || path.startsWith(':') || path.includes('\0')) {
    throw new TielineError('config_invalid', 'the sqlite: URL names no file', {
      hint: 'Set TIELINE_STORE to sqlite:<path>, or to memory: for a store that ends with the process',
    });
  }
  return path;
}
