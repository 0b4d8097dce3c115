import { randomBytes } from 'node:crypto';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { SqlConnection } from '../../src/sql/connection.ts';
import { sqlContract } from './contract.ts';
import { failure, MARIADB, opened, reasonToSkip, relay, temporaryTable } from './servers.ts';

const reason = await reasonToSkip(MARIADB);
const open = () => opened({ url: MARIADB });

const OUTCOMES = [
  ['execute', 'outcome_unknown'],
  ['query', 'upstream_unreachable'],
] as const;

/** How many sessions run a statement with this in it. */
async function running(observer: SqlConnection, marker: string): Promise<unknown> {
  const where = 'info LIKE :like AND id <> connection_id()';
  const statement = `SELECT count(*) AS n FROM information_schema.processlist WHERE ${where}`;
  return (await observer.query(statement, { like: `%${marker}%` })).rows[0]?.n;
}

describe.skipIf(reason)(`MariaDB${reason}`, () => {
  sqlContract('MariaDB', {
    open,
    table: temporaryTable,
    numbers: 'SELECT seq AS n FROM seq_1_to_10000000',
    wide: "repeat('x', :length)",
    keepsNames: true,
    endless: 'SELECT sleep(600)',
    hiddenWrite: undefined,
  });

  it.each([
    ['1', 'int', 1],
    ['9007199254740993', 'bigint', '9007199254740993'],
    ['CAST(18446744073709551615 AS UNSIGNED)', 'bigint', '18446744073709551615'],
    ['1.50', 'decimal', '1.50'],
    ['0.1e0', 'double', 0.1],
    ['NULL', undefined, null],
    ["CAST(x'00ff' AS BINARY)", 'varchar', { $base64: 'AP8=' }],
    ["DATE '2024-02-29'", 'date', '2024-02-29'],
    ["TIME '10:11:12'", 'time', '10:11:12'],
    ["TIMESTAMP '2024-02-29 12:00:00'", 'datetime', '2024-02-29T12:00:00'],
    ['FROM_UNIXTIME(0)', 'datetime', '1970-01-01T00:00:00'],
    [`JSON_OBJECT('a', 1)`, 'varchar', { a: 1 }],
  ])('gives %s of type %s as JSON', async (expression, type, value) => {
    const connection = await open();
    const { columns, rows } = await connection.query(`SELECT ${expression} AS value`);
    expect([columns, rows]).toEqual([[type ? { name: 'value', type } : { name: 'value' }], [{ value }]]);
  });

  it('gives TIMESTAMP with its offset, and TEXT and BLOB apart', async () => {
    const connection = await open();
    const table = temporaryTable(connection);
    await connection.execute(`CREATE TABLE ${table} (at TIMESTAMP(3) NULL, words TEXT, bytes BLOB)`);
    const values = { words: 'é', bytes: { $base64: 'AP8=' } };
    await connection.execute(`INSERT INTO ${table} VALUES (FROM_UNIXTIME(0.25), :words, :bytes)`, values);
    const { columns, rows } = await connection.query(`SELECT * FROM ${table}`);
    expect(columns.map((it) => it.type)).toEqual(['timestamp', 'text', 'blob']);
    expect(rows).toEqual([{ at: '1970-01-01T00:00:00.250Z', ...values }]);
  });

  it('takes numbers, booleans and lists', async () => {
    const connection = await open();
    const statement = "SELECT :yes AS yes, JSON_EXTRACT(:list, '$[1]') AS second LIMIT :limit";
    expect((await connection.query(statement, { yes: true, list: [1, 'b'], limit: 1 })).rows).toEqual([
      { yes: 1, second: 'b' },
    ]);
  });

  it('gives what a write returns', async () => {
    const connection = await open();
    const table = temporaryTable(connection);
    await connection.execute(`CREATE TABLE ${table} (id INTEGER)`);
    const insert = `INSERT INTO ${table} SELECT seq FROM seq_1_to_500 RETURNING id`;
    const { rows, hasMore } = await connection.execute(insert, {}, { maxRows: 2 });
    expect({ rows, hasMore }).toEqual({ rows: [{ id: 1 }, { id: 2 }], hasMore: true });
    expect((await connection.query(`SELECT count(*) AS n FROM ${table}`)).rows).toEqual([{ n: 500 }]);
  });

  it('ends the statement at the server', async () => {
    const [connection, observer] = [await open(), await open()];
    const marker = temporaryTable(connection);
    const controller = new AbortController();
    const call = failure(connection.execute(`SELECT sleep(600) AS ${marker}`, {}, { signal: controller.signal }));
    await vi.waitFor(async () => expect(await running(observer, marker)).toBe(1), 5_000);
    controller.abort();
    expect((await call).code).toBe('canceled');
    await vi.waitFor(async () => expect(await running(observer, marker)).toBe(0), 5_000);
  });

  it('transfers little more of a huge result than the page', async () => {
    const { port, received } = await relay(3306);
    const connection = await opened({ url: MARIADB.replace('3306', String(port)) });
    await connection.query("SELECT seq, repeat('x', 100) FROM seq_1_to_10000000");
    expect(received()).toBeLessThan(30 * 1024 * 1024);
  });

  it('does not know what became of a write when the connection breaks', async () => {
    const { port, cut } = await relay(3306);
    const [connection, observer] = [await opened({ url: MARIADB.replace('3306', String(port)) }), await open()];
    for (const [run, code] of OUTCOMES) {
      const marker = temporaryTable(observer);
      const call = failure(connection[run](`SELECT sleep(600) AS ${marker}`, {}, { timeoutMs: 5_000 }));
      await vi.waitFor(async () => expect(await running(observer, marker)).toBe(1), 5_000);
      cut();
      expect((await call).code).toBe(code);
    }
  });

  it('tells a wrong password, and never which', async () => {
    const root = await open();
    const [user, password] = [`t_${randomBytes(4).toString('hex')}`, randomBytes(9).toString('base64url')];
    onTestFinished(async () => {
      await root.execute(`DROP USER IF EXISTS ${user}@'127.0.0.1', ${user}@localhost`);
    });
    for (const host of ["'127.0.0.1'", 'localhost']) {
      await root.execute(`CREATE USER ${user}@${host} IDENTIFIED BY '${password}'`);
    }
    const fields = { driver: 'mysql', host: '127.0.0.1', username: user };
    await expect((await opened({ ...fields, password })).test()).resolves.toBeUndefined();
    const wrong = await failure((await opened({ ...fields, password: `${password}x` })).test());
    expect(wrong.code).toBe('token_rejected');
    expect(`${wrong.text} ${wrong.hint}`).not.toContain(password);
    const denied = await failure((await opened({ ...fields, password })).query('SELECT * FROM mysql.user'));
    expect(denied.code).toBe('forbidden');
  });
});
