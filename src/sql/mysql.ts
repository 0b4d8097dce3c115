import { once } from 'node:events';
import { isIP } from 'node:net';
import type { Connection, FieldPacket, ResultSetHeader, RowDataPacket } from 'mysql2';
import { TielineError } from '../errors.ts';
import type { ServerAddress } from './address.ts';
import { untilStopped } from './clock.ts';
import { type DialPolicy, dial, type Line } from './dial.ts';
import { placeOf } from './failure.ts';
import { install } from './install.ts';
import { type Column, type Page, tooLarge } from './page.ts';
import type { Driver, Session, SessionOptions } from './session.ts';
import type { Bound } from './statement.ts';
import { isoTime } from './value.ts';

/** https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html */
const TYPES: Readonly<Record<number, string>> = {
  1: 'tinyint',
  2: 'smallint',
  3: 'int',
  4: 'float',
  5: 'double',
  7: 'timestamp',
  8: 'bigint',
  9: 'mediumint',
  10: 'date',
  11: 'time',
  12: 'datetime',
  13: 'year',
  16: 'bit',
  245: 'json',
  246: 'decimal',
  252: 'blob',
  253: 'varchar',
  254: 'char',
  255: 'geometry',
};

/** TEXT and BLOB are one type, told apart by their character set. */
const TEXT = 252;
const BINARY = 63;
const DATETIME = 12;
const TIMESTAMP = 7;
const UNKNOWN_VARIABLE = 1193;

export async function openMysql(address: ServerAddress, policy: DialPolicy): Promise<Driver> {
  const { createConnection } = await install('mysql2', () => import('mysql2'));

  async function open(stop: AbortSignal, encrypted = true): Promise<{ connection: Connection; line: Line }> {
    const line = await dial(address, policy, stop);
    const tls = encrypted ? line.tls : 'disable';
    const { host, port, ca } = address;
    const verified = tls === 'require' || ca !== undefined;
    if (tls !== 'disable' && verified && isIP(host) !== 0) {
      line.socket.destroy();
      throw new TielineError('arguments_invalid', 'a certificate can be checked only if the host is given by name');
    }
    const connection = createConnection({
      host,
      port,
      user: address.username,
      password: address.password ?? '',
      ...(address.database !== undefined && { database: address.database }),
      stream: line.socket,
      ...(tls !== 'disable' && {
        ssl: { rejectUnauthorized: verified, verifyIdentity: verified, ...(ca !== undefined && { ca }) },
      }),
      // The server may ask for any file of this machine.
      flags: ['-LOCAL_FILES'],
      // Reads rows without code made from column names (CVE-2024-21508).
      disableEval: true,
      dateStrings: true,
      supportBigNumbers: true,
    });
    connection.on('error', () => undefined); // whatever runs then fails with it
    try {
      await untilStopped(once(connection, 'connect'), stop);
      return { connection, line };
    } catch (error) {
      connection.destroy();
      const isPlain = error instanceof Error && 'code' in error && error.code === 'HANDSHAKE_NO_SSL_SUPPORT';
      if (isPlain && tls === 'prefer') return open(stop, false);
      throw error;
    }
  }

  async function connect({ reads, timeoutMs, stop }: SessionOptions): Promise<Session> {
    const { connection, line } = await open(stop);
    try {
      await untilStopped(prepare(connection, address.driver, timeoutMs), stop);
      if (reads) await untilStopped(send(connection, 'START TRANSACTION READ ONLY'), stop);
    } catch (error) {
      connection.destroy();
      throw error;
    }
    let isIdle = false;
    return {
      async run(bound, page) {
        const affected = await run(connection, line, bound, page, reads);
        isIdle = !page.isFull;
        return affected;
      },
      async cancel() {
        const other = await open(AbortSignal.timeout(1_000));
        try {
          await send(other.connection, `KILL QUERY ${connection.threadId}`);
        } finally {
          other.connection.destroy();
        }
      },
      close() {
        // The server logs those that go without a word, but rows that nobody wants would have to be read first.
        if (!isIdle) return connection.destroy();
        connection.end(() => undefined);
        setTimeout(() => connection.destroy(), 1_000).unref();
      },
    };
  }

  return { dialect: 'mysql', name: placeOf(address), probe: 'SELECT 1', connect };
}

async function prepare(connection: Connection, driver: string, timeoutMs: number): Promise<void> {
  await send(connection, "SET SESSION time_zone = '+00:00'");
  await setModes(connection);
  const limits = [`max_statement_time = ${timeoutMs / 1_000}`, `max_execution_time = ${timeoutMs}`];
  // Each has one of them, and may be reached by the other's name.
  for (const limit of driver === 'mariadb' ? limits : limits.reverse()) {
    try {
      return await send(connection, `SET SESSION ${limit}`);
    } catch (error) {
      if (!(error instanceof Error && 'errno' in error && error.errno === UNKNOWN_VARIABLE)) throw error;
    }
  }
}

/**
 * Modes in which quotes and backslashes mean something else than they do here, and those that bring such ones along:
 * https://dev.mysql.com/doc/refman/8.4/en/sql-mode.html, https://mariadb.com/docs/server/server-management/variables-and-modes/sql_mode
 */
const OTHER_QUOTES = /^(?:ANSI_QUOTES|NO_BACKSLASH_ESCAPES|ANSI|DB2|MAXDB|MSSQL|MYSQL323|MYSQL40|ORACLE|POSTGRESQL)$/i;

async function setModes(connection: Connection): Promise<void> {
  const [modes] = await connection.promise().query<RowDataPacket[]>('SELECT @@SESSION.sql_mode AS modes');
  const all = String(modes[0]?.modes ?? '').split(',');
  const kept = all.filter((it) => !OTHER_QUOTES.test(it));
  if (kept.length < all.length) await connection.promise().query('SET SESSION sql_mode = ?', [kept.join(',')]);
}

async function run(connection: Connection, line: Line, bound: Bound, page: Page, reads: boolean): Promise<number> {
  const options = { sql: bound.text, values: [...bound.values], rowsAsArray: true };
  const stream = connection.execute(options).stream({ highWaterMark: 50 });
  let results = 0;
  let fields: readonly FieldPacket[] = [];
  // The driver tells a broken connection to the connection alone.
  connection.once('error', (error) => stream.destroy(error));
  stream.on('fields', (found: readonly FieldPacket[] | undefined) => {
    if (!found) return; // no rows
    results += 1;
    fields = found;
    // A procedure gives several results; the first is the one that counts.
    if (results === 1) page.describe(found.map(column));
  });
  let affected = 0;
  try {
    for await (const row of stream as AsyncIterable<unknown[] | ResultSetHeader>) {
      line.mark();
      if (!Array.isArray(row)) affected += row.affectedRows;
      else if (results === 1 && !page.add(row.map((value, index) => inIso(value, fields[index]))) && reads) break;
    }
  } catch (error) {
    throw line.isFlooded() ? tooLarge() : error;
  }
  return affected;
}

function send(connection: Connection, sql: string): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.query(sql, (error) => (error ? reject(error) : resolve()));
  });
}

function column({ name, columnType = -1, characterSet }: FieldPacket): Column {
  const type = columnType === TEXT && characterSet !== BINARY ? 'text' : TYPES[columnType];
  return type === undefined ? { name } : { name, type };
}

/** A DATETIME has no time zone; a TIMESTAMP is in that of the session, which is UTC. */
function inIso(value: unknown, field: FieldPacket | undefined): unknown {
  if (typeof value !== 'string') return value;
  if (field?.columnType === TIMESTAMP) return isoTime(`${value}+00`);
  return field?.columnType === DATETIME ? isoTime(value) : value;
}
