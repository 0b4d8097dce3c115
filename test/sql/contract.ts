import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { SqlConnection } from '../../src/sql/connection.ts';
import { failure } from './servers.ts';

export type Subject = {
  open(): Promise<SqlConnection>;
  /** A table that does not exist yet. */
  table(connection: SqlConnection): string;
  /** Numbers from 1 to 10,000,000 as `n`, made while they are read. */
  readonly numbers: string;
  /** A text of `:length` characters; an expression. */
  readonly wide: string;
  /** Whether the driver tells columns apart whatever they are called. */
  readonly keepsNames: boolean;
  /** Never ends by itself. */
  readonly endless: string;
  /** A write hidden in what begins as a read; `TABLE` stands for the table. Undefined where the dialect has none. */
  readonly hiddenWrite: string | undefined;
};

const INJECTIONS = [
  "'; DROP TABLE t; --",
  "' OR '1'='1",
  '\\',
  "\\' OR 1=1 -- ",
  '" OR ""="',
  '`; --',
  '/*',
  ':name',
  '$1 ?',
  '%_',
  'é🔑\u2028',
  '',
];

/** What every database does alike. */
export function sqlContract(name: string, subject: Subject): void {
  async function prepared(): Promise<{ connection: SqlConnection; table: string }> {
    const connection = await subject.open();
    const table = subject.table(connection);
    await connection.execute(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY, name VARCHAR(200), amount DECIMAL(10,2))`);
    return { connection, table };
  }

  describe(name, () => {
    it('writes with one and reads with the other', async () => {
      const { connection, table } = await prepared();
      const insert = `INSERT INTO ${table} (id, name) VALUES (:id, :name), (:id + 1, :name)`;
      expect(await connection.execute(insert, { id: 1, name: 'Ann' })).toEqual({ affected: 2 });
      expect(await connection.execute(`UPDATE ${table} SET name = :name WHERE id = 9`, { name: 'x' })).toEqual({
        affected: 0,
      });
      const found = await connection.query(`SELECT id, name FROM ${table} WHERE name = :name ORDER BY id`, {
        name: 'Ann',
      });
      expect(found).toMatchObject({
        rows: [
          { id: 1, name: 'Ann' },
          { id: 2, name: 'Ann' },
        ],
        hasMore: false,
      });
      expect(found.columns.map((it) => it.name)).toEqual(['id', 'name']);
      expect(await connection.execute(`DELETE FROM ${table}`)).toEqual({ affected: 2 });
    });

    it('takes no value for SQL', async () => {
      const { connection, table } = await prepared();
      const rows = INJECTIONS.map((_, id) => `(${id}, :text${id})`).join(', ');
      const values = Object.fromEntries(INJECTIONS.map((text, id) => [`text${id}`, text]));
      await connection.execute(`INSERT INTO ${table} (id, name) VALUES ${rows}`, values);
      const matches = INJECTIONS.map((_, id) => `(id = ${id} AND name = :text${id})`).join(' OR ');
      const found = await connection.query(`SELECT name FROM ${table} WHERE ${matches} ORDER BY id`, values);
      expect(found.rows).toEqual(INJECTIONS.map((name) => ({ name })));
    });

    it('writes nothing through a query', async () => {
      const { connection, table } = await prepared();
      const writes = [
        `INSERT INTO ${table} (id) VALUES (1)`,
        `DROP TABLE ${table}`,
        `CREATE TABLE ${table}_2 (id INTEGER)`,
      ];
      if (subject.hiddenWrite) writes.push(subject.hiddenWrite.replace('TABLE', table));
      for (const statement of writes) {
        const { code, hint } = await failure(connection.query(statement));
        expect([code, hint], statement).toEqual(['policy_denied', expect.stringContaining('executes')]);
      }
      expect((await connection.query(`SELECT count(*) AS n FROM ${table}`)).rows).toEqual([{ n: 0 }]);
    });

    it('leaves nothing behind that the next call would see', async () => {
      const { connection, table } = await prepared();
      for (const statement of ['BEGIN', 'START TRANSACTION']) await failure(connection.execute(statement));
      await connection.execute(`INSERT INTO ${table} (id) VALUES (1)`);
      expect((await connection.query(`SELECT id FROM ${table}`)).rows).toEqual([{ id: 1 }]);
    });

    it('gives a page at a time', async () => {
      const connection = await subject.open();
      const five = [1, 2, 3, 4, 5].map((it) => `SELECT ${it} AS n`).join(' UNION ALL ');
      const page = async (maxRows: number, offset: number) => {
        const { rows, hasMore } = await connection.query(`${five} ORDER BY n`, {}, { maxRows, offset });
        return [rows.map((it) => it.n), hasMore];
      };
      expect(await page(2, 0)).toEqual([[1, 2], true]);
      expect(await page(2, 2)).toEqual([[3, 4], true]);
      expect(await page(2, 4)).toEqual([[5], false]);
      expect(await page(5, 0)).toEqual([[1, 2, 3, 4, 5], false]);
      expect(await page(2, 9)).toEqual([[], false]);
    });

    it('reads no more of a huge result than the page', async () => {
      const connection = await subject.open();
      const { rows, hasMore } = await connection.query(subject.numbers);
      expect([rows.length, rows.at(-1), hasMore]).toEqual([200, { n: 200 }, true]);
      const most = await connection.query(subject.numbers, {}, { maxRows: 1e6, offset: 20_000 });
      expect([most.rows.length, most.rows.at(-1), most.hasMore]).toEqual([10_000, { n: 30_000 }, true]);
    });

    it('ends a page before it grows too large', async () => {
      const connection = await subject.open();
      const length = 3 * 1024 * 1024;
      const row = `SELECT ${subject.wide} AS a`;
      const { rows, hasMore } = await connection.query(`${row} UNION ALL ${row} UNION ALL ${row}`, { length });
      expect([rows.map((it) => String(it.a).length), hasMore]).toEqual([[length, length], true]);
      expect((await failure(connection.query(row, { length: 3 * length }))).code).toBe('response_too_large');
    });

    it('ends a statement in time', async () => {
      const connection = await subject.open();
      const { code, text } = await failure(connection.query(subject.endless, {}, { timeoutMs: 400 }));
      expect([code, text]).toEqual(['upstream_timeout', expect.stringContaining('400 ms')]);
      expect((await connection.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });

    it('ends a statement when the caller gives up', async () => {
      const connection = await subject.open();
      const controller = new AbortController();
      const call = failure(connection.query(subject.endless, {}, { signal: controller.signal }));
      await sleep(200);
      controller.abort();
      expect((await call).code).toBe('canceled');
      expect((await failure(connection.query('SELECT 1', {}, { signal: controller.signal }))).code).toBe('canceled');
    });

    it('ends what is under way when it is closed', async () => {
      const connection = await subject.open();
      const call = failure(connection.query(subject.endless));
      await sleep(100);
      await connection.close();
      expect((await call).code).toBe('canceled');
      expect((await failure(connection.query('SELECT 1'))).code).toBe('canceled');
    });

    it('tells what is wrong with a statement', async () => {
      const { connection, table } = await prepared();
      for (const statement of ['SELECT FROM WHERE', `SELECT nothing FROM ${table}`, `SELECT * FROM ${table}_2`]) {
        const { code, text } = await failure(connection.query(statement));
        expect([code, text], statement).toEqual([
          'upstream_rejected',
          expect.stringMatching(/refused \((SQLSTATE [\dA-Z]{5}|SQLite error 1)\b/),
        ]);
      }
      await connection.execute(`INSERT INTO ${table} (id) VALUES (1)`);
      const { code } = await failure(connection.execute(`INSERT INTO ${table} (id) VALUES (1)`));
      expect(code).toBe('upstream_rejected');
    });

    it.runIf(subject.keepsNames)('keeps columns apart whatever they are called', async () => {
      const connection = await subject.open();
      const { rows } = await connection.query('SELECT 1 AS __proto__, 2 AS constructor, 3 AS a, 4 AS a, 5 AS a_2');
      const expected = { constructor: 2, a: 3, a_2: 4, a_2_2: 5 };
      expect(Object.entries(rows[0] ?? {})).toEqual([['__proto__', 1], ...Object.entries(expected)]);
    });

    it.each([0, -1, 1.5, Number.NaN])('refuses %s as a limit', async (limit) => {
      const connection = await subject.open();
      for (const options of [{ maxRows: limit }, { timeoutMs: limit }, { offset: limit - 1 }]) {
        expect((await failure(connection.query('SELECT 1', {}, options))).code).toBe('arguments_invalid');
      }
    });

    it('says that it works', async () => {
      const connection = await subject.open();
      await expect(connection.test()).resolves.toBeUndefined();
    });
  });
}
