import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Connector } from '../../src/connector/connector.ts';
import type { Values } from '../../src/connector/values.ts';
import { temporaryFolder } from '../keystore/place.ts';
import { LOCAL, MARIADB, POSTGRESQL, reasonToSkip } from '../sql/servers.ts';
import { openSqlStage, type SqlStage, sqlConnector } from './sqlstage.ts';
import { connectorOf, failureOf, reading, things } from './stage.ts';

let sql: Connector;

beforeAll(async () => {
  sql = await sqlConnector();
});

type Subject = {
  readonly name: string;
  readonly reason: string;
  place(): Promise<{ input: Values; folders?: readonly string[] }>;
  readonly endless: string;
};

const ENDLESS =
  'WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers) SELECT max(n) FROM numbers';

const hostField = { type: 'object', properties: { host: { type: 'string', title: 'Host' } } };

const subjects: readonly Subject[] = [
  {
    name: 'PostgreSQL',
    reason: await reasonToSkip(POSTGRESQL),
    place: async () => ({ input: { url: POSTGRESQL } }),
    endless: 'SELECT pg_sleep(600)',
  },
  {
    name: 'MariaDB',
    reason: await reasonToSkip(MARIADB),
    place: async () => ({
      input: { driver: 'mariadb', host: '127.0.0.1', port: 3306, username: 'root', database: 'test' },
    }),
    endless: 'SELECT sleep(600)',
  },
  {
    name: 'SQLite',
    reason: '',
    async place() {
      const folder = await temporaryFolder();
      const database = join(folder, 'data.db');
      await writeFile(database, '');
      return { input: { driver: 'sqlite', database }, folders: [folder] };
    },
    endless: ENDLESS,
  },
];

describe.each(subjects)('the connector sql with $name$reason', ({ reason, place, endless }) => {
  async function stageOf(connector = sql): Promise<SqlStage> {
    const { input, folders } = await place();
    return openSqlStage(connector, input, { within: { ...LOCAL, allowFiles: folders } });
  }

  /** With a table of 25 items that the test's end drops. */
  async function prepared(): Promise<{ stage: SqlStage; table: string }> {
    const stage = await stageOf();
    const table = `tieline_${randomBytes(6).toString('hex')}`;
    const run = (statement: string) => stage.call('statements.execute', { statement });
    await run(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY, name VARCHAR(200) NOT NULL, note VARCHAR(20))`);
    onTestFinished(async () => {
      await run(`DROP TABLE ${table}`);
    });
    const rows = Array.from({ length: 25 }, (_, id) => `(${id}, 'item ${id}')`).join(', ');
    const { data } = await run(`INSERT INTO ${table} (id, name) VALUES ${rows}`);
    expect(data).toEqual({ affected: 25 });
    return { stage, table };
  }

  const run = describe.skipIf(reason);

  run('runs', () => {
    it('queries with named parameters', async () => {
      const { stage, table } = await prepared();
      const statement = `SELECT id, name FROM ${table} WHERE id > :low AND name <> :name AND id < :low + 4 ORDER BY id`;
      const outcome = await stage.call('statements.query', { statement, parameters: { low: 5, name: 'item 7' } });
      expect(outcome).toEqual({
        data: [
          { id: 6, name: 'item 6' },
          { id: 8, name: 'item 8' },
        ],
        meta: { integration: 'main', page: { hasMore: false } },
      });
    });

    it('takes no value for SQL', async () => {
      const { stage, table } = await prepared();
      const name = `'; DROP TABLE ${table}; --`;
      const insert = `INSERT INTO ${table} (id, name) VALUES (:id, :name)`;
      expect(
        (await stage.call('statements.execute', { statement: insert, parameters: { id: 99, name } })).data,
      ).toEqual({ affected: 1 });
      const statement = `SELECT id FROM ${table} WHERE name = :name`;
      for (const [text, rows] of [
        [name, [{ id: 99 }]],
        ["' OR '1'='1", []],
      ] as const) {
        const { data } = await stage.call('statements.query', { statement, parameters: { name: text } });
        expect(data).toEqual(rows);
      }
    });

    it('writes nothing through a query', async () => {
      const { stage, table } = await prepared();
      for (const statement of [`DELETE FROM ${table}`, `DROP TABLE ${table}`, `SELECT 1; DELETE FROM ${table}`]) {
        const { code } = await failureOf(stage.call('statements.query', { statement }));
        expect(['policy_denied', 'arguments_invalid']).toContain(code);
      }
      const { data } = await stage.call('statements.query', { statement: `SELECT count(*) AS n FROM ${table}` });
      expect(data).toEqual([{ n: 25 }]);
    });

    it('pages to the end', async () => {
      const { stage, table } = await prepared();
      const statement = `SELECT id FROM ${table} ORDER BY id`;
      const seen: unknown[] = [];
      const sizes: number[] = [];
      let cursor: string | undefined;
      do {
        const page = cursor === undefined ? { limit: 10 } : { cursor };
        const { data, meta } = await stage.call('statements.query', { statement, ...page });
        const rows = data as { id: number }[];
        seen.push(...rows.map((it) => it.id));
        sizes.push(rows.length);
        expect(meta.page?.hasMore).toBe(meta.page?.cursor !== undefined);
        cursor = meta.page?.cursor;
      } while (cursor !== undefined);
      expect(sizes).toEqual([10, 10, 5]);
      expect(seen).toEqual(Array.from({ length: 25 }, (_, id) => id));
    });

    it('gives no more rows than a page has', async () => {
      const { stage, table } = await prepared();
      const statement = `SELECT a.id FROM ${table} a CROSS JOIN ${table} b CROSS JOIN ${table} c`;
      const { data, meta } = await stage.call('statements.query', { statement });
      expect([(data as unknown[]).length, meta.page?.hasMore]).toEqual([100, true]);
      const most = await stage.call('statements.query', { statement, limit: 1_000 });
      expect(most.data).toHaveLength(1_000);
      const more = await failureOf(stage.call('statements.query', { statement, limit: 1_001 }));
      expect(more).toMatchObject({ code: 'arguments_invalid', message: expect.stringContaining('limit') });
    });

    it('ends a statement in time, and when the caller gives up', async () => {
      const stage = await stageOf(
        connectorOf({
          transport: 'sql',
          server: { address: '{{ input }}', timeouts: { total: '400ms' } },
          // A field that the form does not have would be taken for a secret, here and in whatever test comes after.
          auth: { options: { address: { title: 'Address', type: 'none', ui: { schema: hostField } } } },
          entities: things({ wait: { ...reading, sql: { statement: endless } } }),
        }),
      );
      const late = await failureOf(stage.call('things.wait'));
      expect(late.code).toBe('upstream_timeout'); // ours or the database's own limit, whichever came first
      const slow = await stageOf();
      const controller = new AbortController();
      const { signal } = controller;
      const call = failureOf(slow.call('statements.query', { statement: endless }, { signal }));
      await sleep(200);
      controller.abort();
      expect((await call).code).toBe('canceled');
      expect(slow.audit.map((it) => it.outcome)).toEqual(['canceled']);
    });

    it('lists tables and their columns', async () => {
      const { stage, table } = await prepared();
      const found: unknown[] = [];
      let cursor: string | undefined;
      do {
        const { data, meta } = await stage.call('tables.list', cursor === undefined ? { limit: 1_000 } : { cursor });
        found.push(...(data as unknown[]));
        cursor = meta.page?.cursor;
      } while (cursor !== undefined);
      expect(found).toContainEqual({ schema: expect.any(String), name: table, type: 'base table' });
      const { data } = await stage.call('columns.list', { table });
      expect(data).toEqual([
        expect.objectContaining({ name: 'id' }),
        expect.objectContaining({ name: 'name', type: expect.stringMatching(/char/), nullable: 'NO' }),
        expect.objectContaining({ name: 'note', nullable: 'YES' }),
      ]);
      const { schema } = (data as { schema: string }[])[0] ?? { schema: '' };
      expect((await stage.call('columns.list', { table, schema })).data).toEqual(data);
      expect((await stage.call('columns.list', { table, schema: `${schema}x` })).data).toEqual([]);
    });

    it('tells what is wrong with a statement', async () => {
      const { stage, table } = await prepared();
      const statement = `SELECT nothing FROM ${table} WHERE id = :id`;
      const call = (parameters: Values) => failureOf(stage.call('statements.query', { statement, parameters }));
      expect((await call({ id: 1 })).code).toBe('upstream_rejected');
      expect(await call({})).toMatchObject({ code: 'arguments_invalid', message: expect.stringContaining(':id') });
    });

    it('does not call a write a failure because of what it returns', async () => {
      const { stage, table } = await prepared();
      const text = `'${'x'.repeat(190)}'`;
      const columns = Array.from({ length: 20 }, (_, i) => `${text} AS c${i}`).join(', ');
      const statement = `DELETE FROM ${table} RETURNING ${columns}`;
      const { data } = await stage.call('statements.execute', { statement });
      expect(data).toMatchObject({ rows: [], hasMore: true });
      const left = await stage.call('statements.query', { statement: `SELECT count(*) AS n FROM ${table}` });
      expect(left.data).toEqual([{ n: 0 }]);
    });
  });
});
