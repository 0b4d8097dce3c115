import { describe, expect, it, vi } from 'vitest';
import type { SqlConnection } from '../../src/sql/connection.ts';
import { sqlContract } from './contract.ts';
import { failure, LOCAL, opened, POSTGRESQL, reasonToSkip, relay, temporaryTable } from './servers.ts';

const reason = await reasonToSkip(POSTGRESQL);
const open = () => opened({ url: POSTGRESQL });

const OUTCOMES = [
  ['execute', 'outcome_unknown'],
  ['query', 'upstream_unreachable'],
] as const;

/** How many sessions run a statement with this in it. */
async function running(observer: SqlConnection, marker: string): Promise<unknown> {
  const where = "query LIKE :like AND pid <> pg_backend_pid() AND state = 'active'";
  const statement = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE ${where}`;
  return (await observer.query(statement, { like: `%${marker}%` })).rows[0]?.n;
}

describe.skipIf(reason)(`PostgreSQL${reason}`, () => {
  sqlContract('PostgreSQL', {
    open,
    table: temporaryTable,
    numbers: 'SELECT generate_series(1, 10000000) AS n',
    wide: "repeat('x', :length)",
    keepsNames: true,
    endless: 'SELECT pg_sleep(600)',
    hiddenWrite: 'WITH added AS (INSERT INTO TABLE (id) VALUES (1) RETURNING id) SELECT * FROM added',
  });

  it.each([
    ['1::int4', 'int4', 1],
    ['9007199254740991::int8', 'int8', 9007199254740991],
    ['9007199254740993::int8', 'int8', '9007199254740993'],
    ['1.50::numeric', 'numeric', '1.50'],
    ['0.1::float8', 'float8', 0.1],
    ["'NaN'::float8", 'float8', 'NaN'],
    ["'-infinity'::float4", 'float4', '-Infinity'],
    ['true', 'bool', true],
    ['null::text', 'text', null],
    ["'\\x00ff'::bytea", 'bytea', { $base64: 'AP8=' }],
    ["date '2024-02-29'", 'date', '2024-02-29'],
    ["timestamp '2024-02-29 12:00:00.5'", 'timestamp', '2024-02-29T12:00:00.5'],
    ["timestamptz '2024-02-29 12:00:00Z' AT TIME ZONE 'UTC'", 'timestamp', '2024-02-29T12:00:00'],
    ["'infinity'::timestamptz", 'timestamptz', 'infinity'],
    ["interval '1 day 2 hours'", 'interval', 'P1DT2H'],
    [`'{"a": [1, null]}'::jsonb`, 'jsonb', { a: [1, null] }],
    [
      'array[[1, null], [3, 4]]::int8[]',
      'int8[]',
      [
        [1, null],
        [3, 4],
      ],
    ],
    [`array['a,"b', null, '']`, 'text[]', ['a,"b', null, '']],
    ["'{}'::numeric[]", 'numeric[]', []],
    ["'192.0.2.1'::inet", 'inet', '192.0.2.1'],
  ])('gives %s of type %s as JSON', async (expression, type, value) => {
    const connection = await open();
    const result = await connection.query(`SELECT ${expression} AS value, 2 AS value`);
    expect(result.columns).toEqual([
      { name: 'value', type },
      { name: 'value_2', type: 'int4' },
    ]);
    expect(result.rows).toEqual([{ value, value_2: 2 }]);
  });

  it('gives an instant with its offset', async () => {
    const connection = await open();
    const { rows } = await connection.query("SELECT timestamptz '2024-02-29 12:00:00.25Z' AS at");
    expect(new Date(String(rows[0]?.at)).toISOString()).toBe('2024-02-29T12:00:00.250Z');
  });

  it('takes lists, objects and bytes', async () => {
    const connection = await open();
    const statement = 'SELECT 2 = ANY(:list::int[]) AS list, :object::jsonb AS object, :bytes::bytea AS bytes';
    const parameters = { list: [1, 2], object: { a: "it's" }, bytes: { $base64: 'AP8=' } };
    expect((await connection.query(statement, parameters)).rows).toEqual([{ ...parameters, list: true }]);
  });

  it('gives what a write returns, and does all of it', async () => {
    const connection = await open();
    const table = temporaryTable(connection);
    await connection.execute(`CREATE TABLE ${table} (id INTEGER)`);
    const insert = `INSERT INTO ${table} SELECT * FROM generate_series(1, 1500) RETURNING id`;
    const { affected, rows, hasMore } = await connection.execute(insert, {}, { maxRows: 2 });
    expect({ affected, rows, hasMore }).toEqual({ affected: 1500, rows: [{ id: 1 }, { id: 2 }], hasMore: true });
    expect((await connection.query(`SELECT count(*)::int AS n FROM ${table}`)).rows).toEqual([{ n: 1500 }]);
    // Not possible in a transaction.
    expect(await connection.execute(`VACUUM ${table}`)).toEqual({ affected: 0 });
  });

  it.each([
    "SELECT set_config('transaction_read_only', 'off', true)",
    "SELECT set_config('transaction_read_only', 'off', false)",
  ])('cannot be made to write: %s', async (statement) => {
    const connection = await open();
    expect((await failure(connection.query(statement))).code).toBe('policy_denied');
  });

  it('keeps what a failing commit says', async () => {
    const connection = await open();
    const table = temporaryTable(connection);
    await connection.execute(`CREATE TABLE ${table} (id INTEGER UNIQUE DEFERRABLE INITIALLY DEFERRED)`);
    const { code, text } = await failure(connection.execute(`INSERT INTO ${table} VALUES (1), (1)`));
    expect([code, text]).toEqual(['upstream_rejected', expect.stringMatching(/23505.*Key \(id\)=\(1\)/)]);
  });

  it('ends the statement at the server', async () => {
    const [connection, observer] = [await open(), await open()];
    const marker = temporaryTable(connection);
    const controller = new AbortController();
    const call = failure(connection.execute(`SELECT pg_sleep(600) AS ${marker}`, {}, { signal: controller.signal }));
    await vi.waitFor(async () => expect(await running(observer, marker)).toBe(1), 5_000);
    controller.abort();
    // The server said that it had ended it, so a write is known not to be done.
    expect((await call).code).toBe('canceled');
    await vi.waitFor(async () => expect(await running(observer, marker)).toBe(0), 5_000);
  });

  it('transfers no more of a huge result than the page', async () => {
    const { port, received } = await relay(5432);
    const connection = await opened({ url: POSTGRESQL.replace('5432', String(port)) });
    await connection.query("SELECT generate_series(1, 10000000), repeat('x', 100)");
    expect(received()).toBeLessThan(1024 * 1024);
  });

  it('gives up a row that is huge', async () => {
    const { port, received } = await relay(5432);
    const connection = await opened({ url: POSTGRESQL.replace('5432', String(port)) });
    const { code } = await failure(connection.query("SELECT repeat('x', 150000000)"));
    expect(code).toBe('response_too_large');
    expect(received()).toBeLessThan(150_000_000);
  });

  it('does not know what became of a write when the connection breaks', async () => {
    const { port, cut } = await relay(5432);
    const [connection, observer] = [await opened({ url: POSTGRESQL.replace('5432', String(port)) }), await open()];
    for (const [run, code] of OUTCOMES) {
      const marker = temporaryTable(observer);
      const call = failure(connection[run](`SELECT pg_sleep(600) AS ${marker}`, {}, { timeoutMs: 5_000 }));
      await vi.waitFor(async () => expect(await running(observer, marker)).toBe(1), 5_000);
      cut();
      expect((await call).code).toBe(code);
    }
  });

  it('refuses an unknown role as a rejected credential', async () => {
    const connection = await opened({ url: 'postgresql://tieline_nobody@127.0.0.1/test' }, LOCAL);
    expect((await failure(connection.test())).code).toBe('token_rejected');
  });
});
