/** A process of its own for one statement on SQLite, which its end ends whatever it does. */
import { Worker } from 'node:worker_threads';
import { isTielineError } from '../errors.ts';
import { Page } from './page.ts';
import { runWithAddon } from './sqliteaddon.ts';
import { type Answer, hasNodeSqlite, type Job, MOST_MEMORY, setup } from './sqlitejob.ts';

type Statement = {
  columns(): readonly { name: string; type: string | null }[];
  setReadBigInts(on: boolean): void;
  setReturnArrays(on: boolean): void;
  iterate(...values: unknown[]): Iterable<unknown[]>;
};
type Database = { exec(sql: string): void; prepare(sql: string): Statement };
type Sqlite = { DatabaseSync: new (path: string, options: { readOnly: boolean }) => Database };

/** Ends this process if its parent is gone and kills nobody any more, and when SQLite takes too much memory. */
const WATCHDOG = `
  const { workerData } = require('node:worker_threads');
  const end = () => process.kill(process.pid, 'SIGKILL');
  setTimeout(end, workerData.ms);
  setInterval(() => process.memoryUsage.rss() > workerData.bytes && end(), 10);
`;

process.once('message', (job: Job) => {
  const workerData = { ms: job.timeoutMs + 5_000, bytes: process.memoryUsage.rss() + MOST_MEMORY };
  new Worker(WATCHDOG, { eval: true, workerData }).once('online', async () => {
    process.send?.(await answer(job), () => process.exit());
  });
});

async function answer(job: Job): Promise<Answer> {
  try {
    return hasNodeSqlite() ? byNode(job) : await byAddon(job);
  } catch (error) {
    if (!(error instanceof Error)) return { message: String(error) };
    if (isTielineError(error)) return { message: error.message, code: error.code, hint: error.hint };
    const { message, errcode, errno = errcode } = error as Error & { errcode?: number; errno?: number };
    return errno === undefined
      ? { message }
      : { message: message.replace(/^SQLITE_\w+: /, ''), errcode: Number(errno) };
  }
}

/** Where Node has no SQLite of its own, with the package that the store uses too. */
async function byAddon(job: Job): Promise<Answer> {
  const page = new Page(job.limits);
  const affected = await runWithAddon(job, page);
  return { rows: page.rows, affected };
}

function byNode(job: Job): Answer {
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite') as Sqlite;
  const database = new DatabaseSync(job.file, { readOnly: job.reads });
  database.exec(setup(job));
  return run(database, job);
}

function run(database: Database, { bound, limits, reads }: Job): Answer {
  const page = new Page(limits);
  const statement = rowsOf(database, bound.text);
  page.describe(
    statement.columns().map(({ name, type }) => (type === null ? { name } : { name, type: type.toLowerCase() })),
  );
  for (const row of statement.iterate(...bound.values)) if (!page.add(row) && reads) break;
  const [[affected] = []] = rowsOf(database, 'SELECT changes()').iterate();
  return { rows: page.rows, affected: reads ? 0 : Number(affected) };
}

function rowsOf(database: Database, sql: string): Statement {
  const statement = database.prepare(sql);
  statement.setReadBigInts(true);
  statement.setReturnArrays(true);
  return statement;
}
