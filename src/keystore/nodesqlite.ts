import { EventEmitter } from 'node:events';
import type { KeyvStoreAdapter, StoredData } from 'keyv';

/** What is used of node:sqlite; the types this project builds with are those of Node 20, which lacks it. */
type Statement = { all(...parameters: readonly unknown[]): unknown[] };
type Database = { exec(sql: string): void; prepare(sql: string): Statement; close(): void };
export type NodeSqlite = { readonly DatabaseSync: new (path: string) => Database };

type Row = { readonly key?: unknown; readonly value?: unknown };

/** Node's own SQLite, in Node 22.13 and later; undefined where there is none. */
export function nodeSqlite(): NodeSqlite | undefined {
  const emitWarning = process.emitWarning;
  // Node 22 warns once that the module is experimental, on the stderr of whoever runs this.
  process.emitWarning = () => undefined;
  try {
    return process.getBuiltinModule('node:sqlite') as NodeSqlite | undefined;
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** A Keyv adapter over one node:sqlite database, on the table and rows of @keyv/sqlite. */
export class NodeSqliteAdapter extends EventEmitter implements KeyvStoreAdapter {
  readonly opts = { dialect: 'sqlite' };
  namespace?: string | undefined;
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();

  constructor(sqlite: NodeSqlite, path: string) {
    super();
    this.#database = new sqlite.DatabaseSync(path);
  }

  /** Runs one statement, prepared once per text, and gives all its rows. */
  readonly query = async (sql: string, ...parameters: readonly unknown[]): Promise<Row[]> => {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement.all(...parameters) as Row[];
  };

  async get<Value>(key: string): Promise<StoredData<Value> | undefined> {
    const [row] = await this.query('SELECT value FROM keyv WHERE key = ?', key);
    return row?.value as Value | undefined;
  }

  async getMany<Value>(keys: string[]): Promise<StoredData<Value | undefined>[]> {
    const select = 'SELECT key, value FROM keyv WHERE key IN (SELECT value FROM json_each(?))';
    const rows = await this.query(select, JSON.stringify(keys));
    const values = new Map(rows.map((row) => [row.key, row.value]));
    return keys.map((key) => values.get(key) as Value | undefined);
  }

  async set(key: string, value: unknown): Promise<void> {
    const upsert = 'INSERT INTO keyv(key, value) VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value';
    await this.query(upsert, key, value);
  }

  async delete(key: string): Promise<boolean> {
    return (await this.query('DELETE FROM keyv WHERE key = ? RETURNING key', key)).length > 0;
  }

  /** Keyv wants the method; nothing here ever empties a store. */
  async clear(): Promise<void> {
    throw new Error('a store is never cleared');
  }

  async disconnect(): Promise<void> {
    this.#statements.clear();
    this.#database.close();
  }
}
