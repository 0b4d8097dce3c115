import { beforeAll, describe, expect, it } from 'vitest';
import { buildConnector } from '../../src/connector/connector.ts';
import { lint } from '../../src/connector/lint.ts';
import { loadSandbox } from '../../src/expression/sandbox.ts';
import { loadedFrom, problemsOf, replaced, sample, textAt } from './sample.ts';

const database = `format: 1
connector: demo
version: 1.0.0
title: Demo
summary: A demo database for tests.
transport: sql
server:
  address: "{{ input }}"
auth:
  options:
    address: { title: Address, type: none }
entities:
  items:
    title: Items
    actions:
      get:
        summary: One of the items there are.
        effect: read
        params: { type: object, required: [id], properties: { id: { type: string } } }
        sql:
          statement: SELECT * FROM items WHERE id = :id
          parameters: { id: "{{ args.id }}" }
`;
const SQL = `        sql:
          statement: SELECT * FROM items WHERE id = :id
          parameters: { id: "{{ args.id }}" }
`;
const ADDRESS = '  address: "{{ input }}"\n';
const EFFECT = '        effect: read\n';

describe('transport sql', () => {
  beforeAll(loadSandbox);

  it('takes a connector of statements', () => {
    expect(problemsOf(database)).toEqual([]);
    expect(lint(loadedFrom(database))).toEqual([]);
  });

  it('gives actions that read pages, and no others', () => {
    const propertiesOf = (text: string) =>
      buildConnector(loadedFrom(text)).action('items', 'get').tool.inputSchema.properties;
    expect(propertiesOf(database)).toHaveProperty('cursor');
    expect(propertiesOf(database)).toHaveProperty('limit.maximum', 1_000);
    expect(propertiesOf(replaced(database, 'effect: read', 'effect: update'))).not.toHaveProperty('cursor');
  });

  it.each<[string, string, string, string, string]>([
    ['no address', ADDRESS, '  timeouts: {}\n', 'timeouts: {}', '`server.address` is missing: transport sql needs it'],
    ['a base URL', ADDRESS, `${ADDRESS}  baseUrl: https://a.example\n`, 'https://a', 'transport sql has no use for it'],
    ['headers', ADDRESS, `${ADDRESS}  headers: { a: b }\n`, '{ a: b }', 'transport sql has no use for it'],
    ['a key for writes', 'auth:', 'idempotency: { header: Key }\nauth:', '{ header', 'transport sql has no use for it'],
    ['recorded errors', 'auth:', 'retry: { attempts: 2 }\nauth:', '{ attempts', 'transport sql has no use for it'],
    ['a request', SQL, '        request: { path: / }\n', 'summary: One', 'transport sql needs sql'],
    ['sql and a request', EFFECT, `${EFFECT}        request: { path: / }\n`, 'summary: One', 'or sql'],
    [
      'a rule of paging',
      EFFECT,
      `${EFFECT}        paginate: { kind: link }\n`,
      '{ kind: link }',
      'transport sql has no use for it',
    ],
    [
      'a file as result',
      EFFECT,
      `${EFFECT}        result: { file: { name: x } }\n`,
      '{ name: x }',
      'transport sql has no use for it',
    ],
    [
      'a type of authentication that asks',
      'type: none',
      'type: oauth2',
      'oauth2',
      '`auth.options.address.type`: transport sql takes none or basic',
    ],
    [
      'a request that tests an account',
      'auth:\n',
      'auth:\n  methods: { test: { request: { path: / } } }\n',
      '{ request:',
      'transport sql has no use for it',
    ],
    ['a misspelt key', 'parameters:', 'paramters:', 'paramters', 'did you mean `parameters`?'],
    ['a misspelt transport', 'transport: sql', 'transport: sqll', 'sqll', 'expected one of "http"|"sql"'],
    [
      'a statement for some databases only',
      'statement: SELECT * FROM items WHERE id = :id',
      'statement: { mysql: SELECT 1, sqlite: SELECT 1 }',
      '{ mysql: SELECT',
      'statement.postgresql` is missing',
    ],
  ])('tells of %s', (_, part, by, at, message) => {
    const text = replaced(database, part, by);
    const problems = problemsOf(text);
    expect(problems.map((it) => it.message).join('\n')).toContain(message);
    expect(problems.map((it) => textAt(text, it)?.startsWith(at))).toContain(true);
  });

  it.each([
    ['sql', '        request:\n          path: /items\n', SQL, '`entities.items.actions.list.sql`: transport http has'],
    [
      'an address',
      '  baseUrl: https://api.example.com',
      ADDRESS,
      '`server.baseUrl` is missing: transport http needs it',
    ],
  ])('refuses %s without it', (_, part, by, message) => {
    expect(problemsOf(replaced(sample, part, by)).map((it) => it.message)).toContainEqual(
      expect.stringContaining(message),
    );
  });

  it.each([
    ["SELECT * FROM items WHERE id = '{{ args.id }}' AND 1 = :id", 1],
    ['{{ args.id }} LIMIT 5', 1],
    ['SELECT {{ args.id }}', 1],
    ['{{ args.id }}', 0],
  ])('lets no value stand in the text of a statement: %s', (statement, count) => {
    const text = replaced(database, 'SELECT * FROM items WHERE id = :id', JSON.stringify(statement));
    const found = lint(loadedFrom(text)).filter((it) => it.rule === 'statement');
    expect(found).toHaveLength(count);
    for (const it of found) expect(textAt(text, it)).toContain('{{');
  });
});
