import { createRequire } from 'node:module';
import { TielineError } from '../errors.ts';
import { install } from './install.ts';
import type { Page } from './page.ts';
import { type Job, MOST_LENGTH, setup } from './sqlitejob.ts';
import type { Bound } from './statement.ts';

/** What is used of the sqlite3 package. */
type Done<T = void> = (error: Error | null, value: T) => void;
type Row = Readonly<Record<string, unknown>>;
type Statement = { get(done: Done<Row | undefined>): void; finalize(done: () => void): void };
type Database = {
  configure(option: 'limit', id: number, value: number): void;
  exec(sql: string, done: Done): void;
  prepare(sql: string, values: readonly unknown[], done: Done): Statement;
};
type Sqlite3 = {
  readonly OPEN_READONLY: number;
  readonly OPEN_READWRITE: number;
  readonly LIMIT_ATTACHED: number;
  readonly LIMIT_LENGTH: number;
  readonly Database: new (file: string, mode: number, done: Done) => Database;
};

/**
 * Runs a statement with the sqlite3 package, for a Node without node:sqlite. Only in a process of its own: it takes its
 * threads, which nothing but its end gives back. Gives the number of rows changed.
 */
export async function runWithAddon(job: Job, page: Page): Promise<number> {
  // It is there as @keyv/sqlite brings it, so it is looked for from there.
  const sqlite3: Sqlite3 = await install('sqlite3', async () => {
    return createRequire(createRequire(import.meta.url).resolve('@keyv/sqlite'))('sqlite3');
  });
  const mode = job.reads ? sqlite3.OPEN_READONLY : sqlite3.OPEN_READWRITE;
  const database = await new Promise<Database>((resolve, reject) => {
    const opened: Database = new sqlite3.Database(job.file, mode, (error) => (error ? reject(error) : resolve(opened)));
  });
  database.configure('limit', sqlite3.LIMIT_ATTACHED, 0);
  database.configure('limit', sqlite3.LIMIT_LENGTH, MOST_LENGTH);
  await until((done) => database.exec(setup(job), done));
  return run(database, job.bound, page, job.reads);
}

async function run(database: Database, bound: Bound, page: Page, reads: boolean): Promise<number> {
  let names: readonly string[] | undefined;
  for await (const row of rowsOf(database, bound.text, bound.values)) {
    if (!names) {
      names = Object.keys(row);
      page.describe(names.map((name) => ({ name })));
    }
    if (!page.add(Object.values(row).map(checked)) && reads) break;
  }
  if (reads) return 0;
  for await (const { changes } of rowsOf(database, 'SELECT changes() AS changes', [])) return Number(changes);
  return 0;
}

async function* rowsOf(database: Database, text: string, values: readonly unknown[]): AsyncGenerator<Row> {
  let statement: Statement | undefined;
  await until((done) => {
    statement = database.prepare(text, values, done);
  });
  if (!statement) return;
  const prepared = statement;
  try {
    for (;;) {
      const row = await until<Row | undefined>((done) => prepared.get(done));
      if (row === undefined) return;
      yield row;
    }
  } finally {
    prepared.finalize(() => undefined);
  }
}

/** The package gives whole numbers as floating point, and a number that has lost digits is worse than none. */
function checked(value: unknown): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || !Number.isInteger(value)) return value;
  if (Math.abs(value) >= 2 ** 63) return value;
  throw new TielineError('upstream_invalid', 'a whole number in the result is beyond 2^53', {
    hint: 'Select it as text, CAST(… AS TEXT), or use Node 22.16 or later.',
  });
}

function until<T = void>(work: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => work((error, value) => (error ? reject(error) : resolve(value))));
}
