import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Connector } from '../../src/connector/connector.ts';
import type { Values } from '../../src/connector/values.ts';
import { openAccount } from '../../src/execute/account.ts';
import { execute } from '../../src/execute/execute.ts';
import { checkPolicy, openPolicy } from '../../src/execute/policy.ts';
import { rehearse } from '../../src/execute/rehearse.ts';
import { probeSql, sqlWithin } from '../../src/execute/sql.ts';
import type { SqlPolicy } from '../../src/sql/connection.ts';
import { temporaryFolder } from '../keystore/place.ts';
import { LOCAL, MARIADB, POSTGRESQL, reasonToSkip } from '../sql/servers.ts';
import { openSqlStage, sqlConnector } from './sqlstage.ts';
import { alice, bob, failureOf } from './stage.ts';

let sql: Connector;

beforeAll(async () => {
  sql = await sqlConnector();
});

const servers = [
  ['PostgreSQL', await reasonToSkip(POSTGRESQL), POSTGRESQL, 'nobody_here'],
  ['MariaDB', await reasonToSkip(MARIADB), MARIADB, 'root'],
] as const;

const PASSWORD = 'correct-horse-battery';
const QUERY = { statement: 'SELECT 1 AS one' };

async function file(): Promise<{ input: Values; folder: string }> {
  const folder = await temporaryFolder();
  const database = join(folder, 'data.db');
  await writeFile(database, '');
  return { input: { driver: 'sqlite', database }, folder };
}

async function sqliteStage(policy = openPolicy) {
  const { input, folder } = await file();
  return openSqlStage(sql, input, { within: { allowPrivate: [], allowFiles: [folder] }, policy });
}

async function probe(input: Values, within: SqlPolicy) {
  const credential = { version: 1, input, values: input, obtainedAt: 0 };
  const account = openAccount({
    connector: sql,
    option: sql.defaultOption,
    app: {},
    settings: {},
    facts: {},
    credentials: async () => credential,
    sender: { send: () => Promise.reject(new Error('a database is no API')), close: async () => {} },
    now: Date.now,
  });
  onTestFinished(() => account.dispose());
  return (await probeSql(sqlWithin(within), account, sql)).facts;
}

describe('what holds for every action holds for statements', () => {
  it('keeps writes from an operator who wants reading only', async () => {
    const stage = await sqliteStage({ ...openPolicy, readOnly: true });
    expect((await stage.call('statements.query', QUERY)).data).toEqual([{ one: 1 }]);
    const { code } = await failureOf(stage.call('statements.execute', { statement: 'CREATE TABLE t (id INTEGER)' }));
    expect(code).toBe('policy_denied');
    const reader = { ...alice, scopes: new Set(['read' as const]) };
    expect(() => checkPolicy(openPolicy, reader, sql.action('statements', 'execute'))).toThrow('needs the scope write');
  });

  it.each<[string, Values]>([
    ['no statement', {}],
    ['an empty one', { statement: '' }],
    ['parameters in a list', { ...QUERY, parameters: [1] }],
    ['an unknown argument', { ...QUERY, variables: {} }],
    ['no page at all', { ...QUERY, limit: 0 }],
  ])('refuses %s before anything is connected', async (_, params) => {
    const stage = await openSqlStage(sql, { url: 'postgresql://nobody@192.0.2.1/none' });
    expect((await failureOf(stage.call('statements.query', params))).code).toBe('arguments_invalid');
  });

  it('writes down who did what, and no statement', async () => {
    const stage = await sqliteStage();
    await stage.call('statements.query', { statement: "SELECT 'private' AS word" });
    await failureOf(stage.call('statements.query', { statement: 'SELECT private FROM nowhere' }));
    expect(stage.audit).toMatchObject([
      { user: 'alice', connector: 'sql', entity: 'statements', action: 'query', integration: 'main', outcome: 'ok' },
      { user: 'alice', connector: 'sql', integration: 'main', outcome: 'upstream_rejected' },
    ]);
    expect(JSON.stringify(stage.audit)).not.toContain('private');
  });

  it('opens a cursor for the account that it was given to only', async () => {
    const stage = await sqliteStage();
    const statement = 'SELECT 1 AS n UNION ALL SELECT 2 ORDER BY n';
    const { meta } = await stage.call('statements.query', { statement, limit: 1 });
    const cursor = meta.page?.cursor ?? '';
    expect((await stage.call('statements.query', { statement, cursor })).data).toEqual([{ n: 2 }]);
    expect((await failureOf(stage.call('tables.list', { cursor }))).code).toBe('cursor_invalid');
    expect((await failureOf(stage.call('statements.query', { statement, cursor: `${cursor}x` }))).code).toBe(
      'cursor_invalid',
    );
  });

  it.skipIf(servers[0][1])('lets no password out with the data, be it a field or in a URL', async () => {
    const url = new URL(POSTGRESQL);
    const { hostname: host, username, pathname } = url;
    const fields = { driver: 'postgresql', host, username, database: pathname.slice(1), password: PASSWORD };
    url.password = PASSWORD;
    for (const input of [fields, { url: url.href }]) {
      const stage = await openSqlStage(sql, input);
      const { data } = await stage.call('statements.query', {
        statement: 'SELECT CAST(:word AS text) AS word',
        parameters: { word: `is it ${PASSWORD}?` },
      });
      expect(data).toEqual([{ word: 'is it [secret]?' }]);
    }
  });
});

describe('where an account may be', () => {
  it('is not in private networks and not in files, unless the operator opens them', async () => {
    const { input, folder } = await file();
    const closed = { allowPrivate: [] };
    expect((await failureOf(probe({ url: POSTGRESQL }, closed))).code).toBe('target_forbidden');
    expect((await failureOf(probe(input, closed))).code).toBe('target_forbidden');
    expect((await failureOf(probe(input, { ...closed, allowFiles: ['/nowhere'] }))).code).toBe('target_forbidden');
    await expect(probe(input, { ...closed, allowFiles: [folder] })).resolves.toMatchObject({
      identifier: `sqlite:${input.database}`,
    });
  });

  it('is closed where the engine says nothing of databases', async () => {
    const { input } = await file();
    const { engine } = await openSqlStage(sql, input);
    const call = { connector: 'sql', entity: 'statements', action: 'query', params: QUERY };
    expect((await failureOf(execute({ ...engine, sql: undefined }, alice, call))).code).toBe('target_forbidden');
    expect((await failureOf(execute(engine, bob, call))).code).toBe('integration_required');
  });

  it.each<[string, Values, string]>([
    ['nothing', {}, 'driver'],
    ['no user name', { driver: 'mysql', host: 'db.example.com' }, 'username'],
    ['a URL that is none', { url: `${PASSWORD}@host` }, 'URL'],
  ])('is told where %s was typed', async (_, input, part) => {
    const { code, message } = await failureOf(probe(input, LOCAL));
    expect([code, message]).toEqual(['arguments_invalid', expect.stringContaining(part)]);
    expect(message).not.toContain(PASSWORD);
  });
});

describe.each(servers)('an account of %s%s', (_, reason, url, username) => {
  it.skipIf(reason)('is called by driver, host, port, user and database', async () => {
    const { protocol, hostname, port, username, pathname } = new URL(url);
    const name = `${protocol}${hostname}:${port}:${username}:${pathname.slice(1)}`;
    expect(await probe({ url }, LOCAL)).toEqual({ key: name, label: name, identifier: name });
    const fields = { driver: 'sqlite', database: '/other', host: 'other.example' };
    expect(await probe({ url, ...fields }, LOCAL)).toMatchObject({ identifier: name });
  });

  it.skipIf(reason)('is told when it is refused, without the password', async () => {
    const wrong = new URL(url);
    Object.assign(wrong, { username, password: PASSWORD });
    const input = { url: wrong.href };
    const stage = await openSqlStage(sql, input);
    for (const attempt of [() => probe(input, LOCAL), () => stage.call('statements.query', QUERY)]) {
      const { code, message, hint } = await failureOf(attempt);
      expect([code, hint]).toEqual(['token_rejected', 'Connect the account again.']);
      expect(`${message} ${hint}`).not.toContain(PASSWORD);
    }
    expect(stage.audit.map((it) => it.outcome)).toEqual(['token_rejected']);
  });
});

describe('rehearsing a statement', () => {
  const input = { driver: 'postgresql', host: 'db.example.com', username: 'ann', password: PASSWORD };
  const call = (pair: string, args: Values) => {
    const [entity = '', action = ''] = pair.split('.');
    return rehearse(sql, { entity, action, args, input }, () => {
      throw new Error('a database is no API');
    });
  };

  it('shows it with its parameters, and connects to nothing', async () => {
    const statement = 'DELETE FROM items WHERE id = :id';
    expect(await call('statements.execute', { statement, parameters: { id: 5 } })).toMatchObject({
      requests: [],
      statements: [{ statement, parameters: { id: 5 } }],
      result: { outcome: { data: { affected: 0 }, meta: { integration: 'rehearsal' } } },
    });
    const { statements } = await call('columns.list', { table: 'items' });
    expect(statements).toEqual([
      { statement: expect.stringContaining('CAST(:schema AS text)'), parameters: { table: 'items', schema: null } },
    ]);
  });

  it.each<[string, string, Values, string]>([
    ['a write', 'statements.query', { statement: 'DELETE FROM items' }, 'policy_denied'],
    ['a missing value', 'statements.query', { statement: 'SELECT :a' }, 'arguments_invalid'],
    ['a missing argument', 'columns.list', {}, 'arguments_invalid'],
  ])('refuses %s as the call would', async (_, pair, args, code) => {
    expect(await call(pair, args)).toMatchObject({ statements: [], result: { error: { code } } });
  });
});
