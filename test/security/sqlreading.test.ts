import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readAddress } from '../../src/sql/address.ts';
import { openSql } from '../../src/sql/connection.ts';
import { failure, LOCAL, MARIADB, opened, POSTGRESQL, reasonToSkip } from '../sql/servers.ts';

const noPostgres = await reasonToSkip(POSTGRESQL);
const noMaria = await reasonToSkip(MARIADB);
const name = () => `tieline_${randomBytes(6).toString('hex')}`;

describe(`the reading tool on PostgreSQL acts on nothing${noPostgres}`, () => {
  it
    .skipIf(noPostgres)
    .each([
      "SELECT lo_export(lo_from_bytea(0, 'x'), '/tmp/tieline-lo')",
      'SELECT lo_create(0)',
      'SELECT "lo_create"(0)',
      'SELECT pg_catalog.lo_create(0)',
      'SELECT "pg_catalog" . "lo_create" (0)',
      'SELECT lo_create/* x */(0)',
      'SELECT lo_create -- x\n(0)',
      'SELECT LO_CREATE(0)',
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE false',
      'SELECT pg_cancel_backend(0)',
      "SELECT pg_create_physical_replication_slot('tieline_slot')",
      "SELECT pg_drop_replication_slot('tieline_slot')",
      'SELECT pg_reload_conf()',
      'SELECT pg_switch_wal()',
      'SELECT pg_stat_reset()',
      "SELECT pg_logical_emit_message(false, 'a', 'b')",
      "SELECT pg_notify('a', 'b')",
      "SELECT pg_read_file('/etc/hostname')",
      "SELECT * FROM pg_ls_dir('/')",
      "SELECT * FROM ROWS FROM (pg_ls_dir('/')) AS x",
      "SELECT * FROM LATERAL pg_stat_file('/etc/hostname')",
      'SELECT pg_advisory_lock(1)',
      "SELECT set_config('statement_timeout', '0', false)",
      "SELECT query_to_xml('SELECT pg_reload_conf()', true, true, '')",
      "SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, ''b''::tsquery')",
      'WITH x AS (SELECT pg_reload_conf()) SELECT * FROM x',
      'SELECT (SELECT pg_reload_conf())',
      'VALUES (pg_reload_conf())',
      'EXPLAIN ANALYZE SELECT pg_reload_conf()',
      'SELECT 1 ORDER BY pg_reload_conf()',
      "SELECT nextval('a')",
      "SELECT setval('a', 1)",
      'SELECT U&"lo\\005fcreate"(0)',
      "SELECT E'\\'' \n'\\' || lo_create(0) || '",
    ])('with %s', async (statement) => {
    const connection = await opened({ url: POSTGRESQL });
    const { code, hint } = await failure(connection.query(statement));
    expect(['policy_denied', 'arguments_invalid']).toContain(code);
    if (code === 'policy_denied') expect(hint).toContain('executes statements');
  });

  it.skipIf(noPostgres)('nor by what somebody has made there', async () => {
    const connection = await opened({ url: POSTGRESQL });
    const [schema, table] = [name(), name()];
    onTestFinished(async () => {
      const cleaner = await opened({ url: POSTGRESQL });
      await cleaner.execute(`DROP SCHEMA ${schema} CASCADE`);
      await cleaner.close();
    });
    await connection.execute(`CREATE SCHEMA ${schema}`);
    await connection.execute(`CREATE TABLE ${schema}.${table} (id int)`);
    const make = (what: string, rest: string) =>
      connection.execute(`CREATE FUNCTION ${schema}.${what} RETURNS int LANGUAGE sql ${rest}`);
    await make('acts()', `VOLATILE AS 'SELECT 1'`);
    await make('owned()', `STABLE SECURITY DEFINER AS 'SELECT 1'`);
    await make('fine(int)', `IMMUTABLE AS 'SELECT $1 + 1'`);
    await make(`ofrow(${schema}.${table})`, `VOLATILE AS 'SELECT 1'`);
    await make(`ofmore(${schema}.${table}, int DEFAULT 1)`, `VOLATILE AS 'SELECT 1'`);
    await make(`${'é'.repeat(31)}x()`, `VOLATILE AS 'SELECT 1'`);
    await make('compared(box, int)', `VOLATILE AS 'SELECT 1'`);
    await make('made(box)', `VOLATILE AS 'SELECT 1'`);
    for (const statement of [
      `CREATE VIEW ${schema}.direct AS SELECT ${schema}.acts() AS n`,
      `CREATE VIEW ${schema}.nested AS SELECT 1 AS one WHERE EXISTS (SELECT n FROM ${schema}.direct)`,
      `CREATE VIEW ${schema}.ended AS SELECT pg_cancel_backend(0) AS n LIMIT 0`,
      `CREATE VIEW ${schema}.asked AS SELECT now() AS at, ${schema}.fine(1) AS n, 'lo_create()' AS text`,
      `CREATE OPERATOR ${schema}.<~> (LEFTARG = box, RIGHTARG = int, FUNCTION = ${schema}.compared)`,
      `CREATE VIEW ${schema}.operated AS SELECT box '(1,1),(0,0)' OPERATOR(${schema}.<~>) 1 AS n`,
      `CREATE TYPE ${schema}.target AS (n int)`,
      `CREATE FUNCTION ${schema}.cast_it(box) RETURNS ${schema}.target LANGUAGE sql VOLATILE AS 'SELECT ROW(1)'`,
      `CREATE CAST (box AS ${schema}.target) WITH FUNCTION ${schema}.cast_it(box)`,
    ]) {
      await connection.execute(statement);
    }
    for (const statement of [
      `SELECT ${schema}.acts()`,
      `SELECT ${schema}.owned()`,
      `SELECT t.ofrow FROM ${schema}.${table} t`,
      `SELECT (t).ofrow FROM ${schema}.${table} t`,
      `SELECT t.ofmore FROM ${schema}.${table} t`,
      `SELECT ${schema}.${'é'.repeat(31)}xyz()`,
      `TABLE ${schema}.direct`,
      `SELECT * FROM ${schema}.nested`,
      `SELECT * FROM ${schema}."nested"`,
      `SELECT * FROM ${schema}.ended`,
      `SELECT * FROM ${schema}.operated`,
      `SELECT box '(1,1),(0,0)' OPERATOR(${schema}.<~>) 1`,
      `SELECT (box '(1,1),(0,0)')::${schema}.target`,
    ]) {
      expect((await failure(connection.query(statement))).code, statement).toBe('policy_denied');
    }
    expect((await connection.query(`SELECT ${schema}.fine(1) AS n`)).rows).toEqual([{ n: 2 }]);
    expect((await connection.query(`SELECT n FROM ${schema}.asked`)).rows).toEqual([{ n: 2 }]);
  });

  it
    .skipIf(noPostgres)
    .each([
      "SELECT lower('A'), count(*), max(x) FROM generate_series(1, 3) AS x",
      'SELECT now(), clock_timestamp(), random(), gen_random_uuid()',
      "SELECT to_char(now(), 'YYYY'), coalesce(null, 1), extract(year FROM now()), cast(1 AS numeric(10, 2))",
      'SELECT pg_size_pretty(pg_database_size(current_database()))',
      "SELECT * FROM json_to_recordset('[]') AS x(a int, b text)",
      'WITH lo_make(a) AS (VALUES (1)) SELECT a FROM lo_make WHERE a IN (1, 2)',
      'SELECT count(*) FROM pg_locks, pg_stat_activity WHERE false',
      'SELECT table_name FROM information_schema.tables LIMIT 1',
      'SELECT relname FROM pg_class TABLESAMPLE system (10) LIMIT 1',
      'SELECT \'lo_create(0)\', "x".a FROM (SELECT 1 AS a) AS "x"',
      'SELECT row_number() OVER (PARTITION BY x ORDER BY x) FROM generate_series(1, 2) AS x',
    ])('and reads with %s', async (statement) => {
    const connection = await opened({ url: POSTGRESQL });
    expect((await failure(connection.query(statement))).code).toBe('none');
  });
});

const hasDblink = noPostgres === '' && (await hasExtension('dblink'));

async function hasExtension(extension: string): Promise<boolean> {
  const connection = await openSql(readAddress({ url: POSTGRESQL }), LOCAL);
  const { rows } = await connection.query('SELECT FROM pg_available_extensions WHERE name = :extension', { extension });
  await connection.close();
  return rows.length > 0;
}

describe(`extensions of PostgreSQL${hasDblink ? '' : ' (skipped: dblink is not there)'}`, () => {
  it.skipIf(!hasDblink)('act through nothing that reads, and give what is harmless', async () => {
    const connection = await opened({ url: POSTGRESQL });
    const schema = name();
    onTestFinished(async () => {
      const cleaner = await opened({ url: POSTGRESQL });
      await cleaner.execute(`DROP SCHEMA ${schema} CASCADE`);
      await cleaner.close();
    });
    await connection.execute(`CREATE SCHEMA ${schema}`);
    // Another run may have them in a schema of its own; they are looked for by name in any.
    await failure(connection.execute(`CREATE EXTENSION dblink SCHEMA ${schema}`));
    await failure(connection.execute(`CREATE EXTENSION "uuid-ossp" SCHEMA ${schema}`));
    for (const call of ["dblink_exec('', 'SELECT 1')", "dblink('', 'SELECT 1') AS x(n int)", "dblink_connect('')"]) {
      expect((await failure(connection.query(`SELECT * FROM ${schema}.${call}`))).code, call).toBe('policy_denied');
    }
    expect((await failure(connection.query(`SELECT ${schema}.uuid_generate_v4()`))).code).not.toBe('policy_denied');
  });
});

describe(`the reading tool on MariaDB acts on nothing${noMaria}`, () => {
  const blanks = ['\u0001', '\u000b', '\u007f', '\u00a0', '\u1680', '\u2003', '\u2028', '\u3000', '\ufeff', '\u0085'];

  it.skipIf(noMaria)('and writes no file, whatever hides the words', async () => {
    const connection = await opened({ url: MARIADB });
    for (const blank of blanks) {
      const file = join(tmpdir(), name());
      for (const statement of [
        `select 1 --${blank}'\n into outfile '${file}' #'`,
        `select 1 --${blank} into outfile '${file}' from (select 5 as \`${blank}\`) x`,
        `select 1${blank}into outfile '${file}'`,
        `select 1 /*${blank}*/ into${blank}outfile '${file}'`,
        `select "\\" into outfile '${file}' #"`,
      ]) {
        await failure(connection.query(statement));
        expect(existsSync(file), JSON.stringify(statement)).toBe(false);
      }
    }
  });

  it.skipIf(noMaria)('also for a server whose quotes and backslashes mean something else', async () => {
    const admin = await opened({ url: MARIADB });
    const before = (await admin.query('SELECT @@GLOBAL.sql_mode AS modes')).rows[0]?.modes;
    onTestFinished(async () => {
      const cleaner = await opened({ url: MARIADB });
      await cleaner.execute('SET GLOBAL sql_mode = :before', { before });
      await cleaner.close();
    });
    await admin.execute("SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,ANSI,ORACLE'");
    const connection = await opened({ url: MARIADB });
    const { rows } = await connection.query(`SELECT @@SESSION.sql_mode AS modes, "it\\"s" AS text`);
    expect(rows[0]?.text).toBe('it"s');
    expect(String(rows[0]?.modes)).not.toMatch(/ANSI|BACKSLASH|ORACLE/);
  });

  it
    .skipIf(noMaria)
    .each([
      "SELECT LOAD_FILE('/etc/hostname')",
      'SELECT load_file (0x2f)',
      "SELECT GET_LOCK('a', 0)",
      'SELECT NEXT VALUE FOR a',
      'SELECT nextval(a)',
      "SELECT 1 INTO DUMPFILE '/tmp/x'",
    ])('with %s', async (statement) => {
    const connection = await opened({ url: MARIADB });
    expect((await failure(connection.query(statement))).code).toBe('policy_denied');
  });
});
