import { setTimeout as sleep } from 'node:timers/promises';
import { sizeOfText } from '../bounded.ts';
import { TielineError } from '../errors.ts';
import type { SqlAddress } from './address.ts';
import { startClock, untilStopped } from './clock.ts';
import type { DialPolicy } from './dial.ts';
import { failureOf, isRefusal } from './failure.ts';
import { openMysql } from './mysql.ts';
import { Page, type Rows } from './page.ts';
import { openPostgresql } from './postgresql.ts';
import type { Driver, Session } from './session.ts';
import { openSqlite } from './sqlite.ts';
import { type Bound, bindNamed, requireReading, requireWritable } from './statement.ts';

export type { Column, Rows } from './page.ts';

export type SqlPolicy = DialPolicy & {
  /** Folders whose files, and those below, may be opened as SQLite databases. Default: none. */
  readonly allowFiles?: readonly string[] | undefined;
};

export type QueryOptions = {
  /** Default 200, at most 10,000. A page also ends at 8 MiB. */
  readonly maxRows?: number | undefined;
  /** Rows to pass over first. Pages fit together only if the statement orders its rows. Default 0. */
  readonly offset?: number | undefined;
  /** For connecting and running together. Default 30,000, at most an hour. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type Execution = {
  /** Rows inserted, updated or deleted. */
  readonly affected: number;
  /** What the statement returned, if anything; `hasMore` if not all of it fits. */
  readonly rows?: Rows['rows'];
  readonly hasMore?: boolean;
};

type Parameters = Readonly<Record<string, unknown>>;

/**
 * Runs one statement per call, with `:name` parameters, each on a connection of its own. Values are JSON: whole numbers
 * beyond 2^53 and decimals as text, dates in ISO 8601, bytes as `{ "$base64": "…" }`.
 *
 * All fail with TielineError: `arguments_invalid`, `policy_denied` (not allowed here), `upstream_rejected` (with SQLSTATE
 * and message), `forbidden`, `conflict` (deadlock, lock), `token_rejected`, `target_forbidden`, `upstream_unreachable`,
 * `upstream_timeout`, `upstream_failed`, `upstream_invalid`, `response_too_large`, `canceled`.
 */
export type SqlConnection = {
  /** In a read-only transaction. */
  query(statement: string, parameters?: Parameters, options?: QueryOptions): Promise<Rows>;
  /** Committed by itself. `outcome_unknown` if the connection broke or time ran out before the database answered. */
  execute(statement: string, parameters?: Parameters, options?: QueryOptions): Promise<Execution>;
  /** Connects, authenticates and reads. */
  test(options?: Pick<QueryOptions, 'timeoutMs' | 'signal'>): Promise<void>;
  /** Ends what is under way; calls after it fail. */
  close(): Promise<void>;
};

const MOST_ROWS = 10_000;
const LONGEST_MS = 3_600_000;
/** How long the database has to answer that it has ended a statement. */
const GRACE_MS = 1_000;

/** Nothing is connected yet. @throws TielineError `config_invalid` if the driver's package is not installed. */
export async function openSql(address: SqlAddress, policy: SqlPolicy): Promise<SqlConnection> {
  const password = address.driver === 'sqlite' ? undefined : address.password;
  const driver = await driverOf(address, policy);
  const closing = new AbortController();
  const running = new Set<Promise<unknown>>();

  async function run(bound: Bound, page: Page, reads: boolean, options: QueryOptions): Promise<number> {
    const { signal } = options;
    const timeoutMs = timeoutOf(options);
    const clock = startClock(timeoutMs, [signal, closing.signal]);
    let session: Session | undefined;
    try {
      clock.signal.throwIfAborted();
      session = await driver.connect({ reads, timeoutMs, stop: clock.signal, bytes: () => sizeOf(bound) });
      return await finish(session, session.run(bound, page), clock.signal, reads);
    } catch (error) {
      throw failureOf(error, { name: driver.name, password });
    } finally {
      clock.stop();
      page.release();
      session?.close();
    }
  }

  function track<T>(work: Promise<T>): Promise<T> {
    running.add(work);
    return work.finally(() => running.delete(work));
  }

  async function query(statement: string, parameters: Parameters = {}, options: QueryOptions = {}): Promise<Rows> {
    const bound = bindNamed(statement, parameters, driver.dialect);
    requireReading(bound.text, driver.dialect);
    const page = pageOf(options);
    await track(run(bound, page, true, options));
    return page.result();
  }

  return {
    query,
    async execute(statement, parameters = {}, options = {}) {
      const bound = bindNamed(statement, parameters, driver.dialect);
      requireWritable(bound.text, driver.dialect);
      const page = pageOf(options);
      const affected = await track(run(bound, page, false, options));
      const { columns, rows, hasMore } = page.rows;
      return columns.length === 0 ? { affected } : { affected, rows, ...(hasMore && { hasMore }) };
    },
    async test(options = {}) {
      await query(driver.probe, {}, { timeoutMs: 10_000, ...options });
    },
    async close() {
      closing.abort();
      await Promise.allSettled(running);
    },
  };
}

function driverOf(address: SqlAddress, policy: SqlPolicy): Driver | Promise<Driver> {
  if (address.driver === 'sqlite') return openSqlite(address, policy.allowFiles ?? []);
  return address.driver === 'postgresql' ? openPostgresql(address, policy) : openMysql(address, policy);
}

function pageOf({ maxRows = 200, offset = 0 }: QueryOptions): Page {
  if (!Number.isSafeInteger(maxRows) || maxRows < 1 || !Number.isSafeInteger(offset) || offset < 0) {
    throw new TielineError('arguments_invalid', 'maxRows must be a whole number from 1 and offset one from 0');
  }
  return new Page({ maxRows: Math.min(maxRows, MOST_ROWS), offset });
}

/** Bytes that a statement takes, roughly. */
function sizeOf({ text, values }: Bound): number {
  return values.reduce((sum: number, it) => sum + sizeOfValue(it), sizeOfText(text));
}

function sizeOfValue(value: unknown): number {
  if (Buffer.isBuffer(value)) return value.length;
  return sizeOfText(typeof value === 'object' ? JSON.stringify(value) : String(value));
}

function timeoutOf({ timeoutMs = 30_000 }: QueryOptions): number {
  if (Number.isSafeInteger(timeoutMs) && timeoutMs >= 1 && timeoutMs <= LONGEST_MS) return timeoutMs;
  throw new TielineError('arguments_invalid', `timeoutMs must be a whole number from 1 to ${LONGEST_MS}`);
}

/** Waits for the statement, or asks the database to end it and waits a little for its word on that. */
async function finish(session: Session, work: Promise<number>, stop: AbortSignal, reads: boolean): Promise<number> {
  try {
    return await untilStopped(work, stop);
  } catch (error) {
    const ended = stop.aborted ? await ending(session, work) : { error };
    if ('value' in ended) return ended.value;
    // Only the database's own word tells that a write was not done.
    if (!reads && !isRefusal(ended.error)) throw unknown(ended.error);
    throw stop.aborted ? stop.reason : error;
  }
}

async function ending(session: Session, work: Promise<number>): Promise<{ value: number } | { error: unknown }> {
  const asked = session.cancel().catch(() => undefined);
  const grace = sleep(GRACE_MS, { error: new Error('the database did not answer') }, { ref: false });
  const answer = work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  const ended = await Promise.race([answer, grace]);
  await Promise.race([asked, grace]);
  return ended;
}

function unknown(cause: unknown): TielineError {
  return new TielineError('outcome_unknown', 'the database was not heard of again; whether it was done is not known', {
    hint: 'Read what was to be changed before trying again.',
    cause,
  });
}
