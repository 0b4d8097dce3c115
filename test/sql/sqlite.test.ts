import { randomBytes } from 'node:crypto';
import { mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SqlConnection } from '../../src/sql/connection.ts';
import { hasNodeSqlite } from '../../src/sql/sqlitejob.ts';
import { temporaryFolder } from '../keystore/place.ts';
import { sqlContract } from './contract.ts';
import { failure, opened } from './servers.ts';

async function openFile(file: string, folders: readonly string[]): Promise<SqlConnection> {
  return await opened({ driver: 'sqlite', database: file }, { allowPrivate: [], allowFiles: folders });
}

async function open(): Promise<SqlConnection> {
  const folder = await temporaryFolder();
  const file = join(folder, 'data.db');
  await writeFile(file, '');
  return await openFile(file, [folder]);
}

const COUNT = 'WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers';

sqlContract(`SQLite, ${hasNodeSqlite() ? 'node:sqlite' : 'sqlite3'}`, {
  open,
  table: () => `t_${randomBytes(6).toString('hex')}`,
  numbers: `${COUNT} LIMIT 10000000) SELECT n FROM numbers`,
  wide: 'substr(hex(zeroblob(:length)), 1, :length)',
  keepsNames: hasNodeSqlite(),
  endless: `${COUNT}) SELECT max(n) FROM numbers`,
  hiddenWrite: 'WITH added(id) AS (SELECT 1) INSERT INTO TABLE (id) SELECT id FROM added',
});

describe('values of SQLite', () => {
  it('come as JSON', async () => {
    const connection = await open();
    const statement = "SELECT 1 AS a, 0.5 AS b, 'é' AS c, x'00ff' AS d, NULL AS e, 9e999 AS f, 1e300 AS g";
    const expected = { a: 1, b: 0.5, c: 'é', d: { $base64: 'AP8=' }, e: null, f: 'Infinity', g: 1e300 };
    expect((await connection.query(statement)).rows).toEqual([expected]);
  });

  it('go in as JSON', async () => {
    const connection = await open();
    const statement =
      "SELECT :yes AS yes, json_extract(:list, '$[1]') AS second, hex(:bytes) AS bytes, typeof(:whole) AS whole";
    const values = { yes: true, list: [1, 'b'], bytes: { $base64: 'AP8=' }, whole: 5 };
    expect((await connection.query(statement, values)).rows).toMatchObject([{ yes: 1, second: 'b', bytes: '00FF' }]);
  });

  it('lose no digits', async () => {
    const connection = await open();
    const { code, text } = await failure(connection.query('SELECT 9007199254740993 AS n'));
    if (hasNodeSqlite()) expect(text).toContain('{"n":"9007199254740993"}');
    else expect(code).toBe('upstream_invalid');
    expect((await connection.query('SELECT CAST(9007199254740993 AS TEXT) AS n')).rows).toEqual([
      { n: '9007199254740993' },
    ]);
  });
});

describe('files of SQLite', () => {
  it('are opened below the allowed folders only', async () => {
    const [folder, other] = [await temporaryFolder(), await temporaryFolder()];
    await mkdir(join(folder, 'deep'));
    for (const file of [join(folder, 'deep', 'a.db'), join(other, 'b.db'), `${folder}.db`]) await writeFile(file, '');
    await symlink(join(other, 'b.db'), join(folder, 'link.db'));
    await symlink(other, join(folder, 'linked'));
    await symlink(folder, join(other, 'way'));
    const codeOf = async (file: string, folders = [folder]) =>
      (await failure((await openFile(file, folders)).test())).code;
    expect(await codeOf(join(folder, 'deep', 'a.db'))).toBe('none');
    expect(await codeOf(join(await realpath(folder), 'deep', '..', 'deep', 'a.db'))).toBe('none');
    expect(await codeOf(join(other, 'way', 'deep', 'a.db'), [join(other, 'way')])).toBe('none');
    expect(await codeOf(join(folder, 'deep'))).toBe('not_found');
    expect(await codeOf(join(folder, 'none.db'))).toBe('not_found');
    for (const file of ['link.db', 'linked/b.db', '../none.db', `..${folder}.db`]) {
      expect(await codeOf(`${folder}/${file}`), file).toBe('target_forbidden');
    }
    expect(await codeOf(join(other, 'b.db'))).toBe('target_forbidden');
    expect(await codeOf(`${folder}.db`)).toBe('target_forbidden');
    expect(await codeOf(join(folder, 'deep', 'a.db'), [])).toBe('target_forbidden');
  });

  it('that are none are told', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'a.db'), 'no database'.repeat(100));
    const { code, text } = await failure((await openFile(join(folder, 'a.db'), [folder])).test());
    expect([code, text]).toEqual(['upstream_rejected', expect.stringContaining('not a database')]);
  });

  it('load no extensions and read no other files', async () => {
    const connection = await open();
    for (const statement of ["SELECT load_extension('/tmp/x.so')", "SELECT readfile('/etc/passwd')"]) {
      expect((await failure(connection.query(statement))).code, statement).toBe('upstream_rejected');
    }
    for (const statement of ["ATTACH '/tmp/x.db' AS x", "VACUUM INTO '/tmp/x.db'", 'PRAGMA query_only = 0']) {
      expect((await failure(connection.execute(statement))).code, statement).toBe('policy_denied');
    }
  });

  it('hold no value that fills the memory', async () => {
    const connection = await open();
    const { code } = await failure(connection.query('SELECT length(zeroblob(900000000) || 1)'));
    expect(code).toBe('response_too_large');
  });

  it('keep no thread that others need, however many statements never end', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'a.db');
    await writeFile(file, '');
    const controller = new AbortController();
    onTestFinished(() => controller.abort());
    const connection = await openFile(file, [folder]);
    const endless = Array.from({ length: 6 }, () =>
      failure(connection.query(`${COUNT}) SELECT max(n) FROM numbers`, {}, { signal: controller.signal })),
    );
    // Files are read on the threads on which an addon would work.
    for (let i = 0; i < 20; i++) await writeFile(join(folder, String(i)), 'x');
    controller.abort();
    expect((await Promise.all(endless)).map((it) => it.code)).toEqual(Array(6).fill('canceled'));
  }, 20_000);

  it('that are locked are told', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'a.db');
    await writeFile(file, '');
    const [one, two] = [await openFile(file, [folder]), await openFile(file, [folder])];
    await one.execute('CREATE TABLE t (n INTEGER)');
    const slow = `INSERT INTO t ${COUNT} LIMIT 100000000) SELECT n FROM numbers`;
    const controller = new AbortController();
    onTestFinished(() => controller.abort());
    const writing = failure(one.execute(slow, {}, { signal: controller.signal }));
    let code = 'none';
    while (code === 'none') ({ code } = await failure(two.execute('INSERT INTO t VALUES (1)', {}, { timeoutMs: 300 })));
    expect(['conflict', 'upstream_timeout', 'outcome_unknown']).toContain(code);
    controller.abort();
    // A process that was killed tells nothing.
    expect((await writing).code).toBe('outcome_unknown');
  });
});
