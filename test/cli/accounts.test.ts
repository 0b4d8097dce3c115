import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Home, makeHome } from '../e2e/home.ts';
import { tieline } from './inprocess.ts';

let home: Home;

beforeAll(async () => {
  home = await makeHome({ tieline });
});

afterAll(() => home.close());

const integrations = async (...args: string[]) => home.run(['integrations', ...args]);
const facts = async (...args: string[]) => JSON.parse((await integrations(...args, '--json')).stdout);
const call = (...args: string[]) => home.run(['call', 'sandbox', ...args]);

describe('integrations', () => {
  it('says how to begin while there are none', async () => {
    expect(await integrations('list')).toMatchObject({
      code: 0,
      stdout: 'No account is connected yet. Connect one with: tieline connect <connector>\n',
    });
    expect(await facts('list')).toEqual([]);
  });

  it('lists accounts in columns, the first one added being the default', async () => {
    for (const [person, name] of [
      ['ada', 'ada'],
      ['grace', 'grace'],
      ['ada', 'third account'],
    ] as const) {
      await home.connectKey(person, name);
    }
    const { stdout } = await integrations('list');
    expect(stdout).toBe(
      [
        'CONNECTOR  IDENTIFIER     DEFAULT  ACCOUNT                STATUS  TOKEN UNTIL',
        'sandbox    ada            yes      ada@sandbox.example    active',
        'sandbox    grace                   grace@sandbox.example  active',
        'sandbox    third account           ada@sandbox.example    active',
        '',
      ].join('\n'),
    );
    expect(await facts('list')).toMatchObject([
      {
        connector: 'sandbox',
        identifier: 'ada',
        isDefault: true,
        account: 'ada@sandbox.example',
        option: 'key',
        status: 'active',
      },
      { identifier: 'grace', isDefault: false },
      { identifier: 'third account', isDefault: false },
    ]);
  });

  it('changes the default', async () => {
    expect(await integrations('default', 'sandbox', 'grace')).toMatchObject({
      code: 0,
      stdout: 'grace is the default account of sandbox.\n',
    });
    expect(JSON.parse((await call('profile', 'get')).stdout)).toMatchObject({ data: { id: 'grace' } });
  });

  it('renames, and keeps what it was', async () => {
    expect(await facts('rename', 'sandbox', 'grace', '  amazing grace ')).toEqual({
      connector: 'sandbox',
      identifier: 'amazing grace',
    });
    const { stdout } = await call('profile', 'get', '--integration', 'amazing grace');
    expect(JSON.parse(stdout)).toMatchObject({ data: { id: 'grace' }, meta: { integration: 'amazing grace' } });
  });

  it.concurrent.each([
    [
      'an account that is not there',
      ['remove', 'sandbox', 'grace'],
      2,
      /no integration "grace" \[integration_unknown\]\n {2}Use one of: ada, amazing grace, third account/,
    ],
    ['a name that is taken', ['rename', 'sandbox', 'ada', 'third account'], 1, /\[integration_exists\]/],
    ['a name that is none', ['rename', 'sandbox', 'ada', 'a\nb'], 2, /visible characters \[arguments_invalid\]/],
    ['a connector that is not there', ['default', 'box', 'ada'], 2, /there is no connector box/],
  ])('refuses %s', async (_, args, code, says) => {
    const ended = await integrations(...args);
    expect(ended).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(says) });
  });

  it('removes: the newest of the others becomes the default, until none is left', async () => {
    expect(await integrations('remove', 'sandbox', 'amazing grace')).toMatchObject({
      code: 0,
      stdout: 'Removed amazing grace of sandbox. The default account is third account.\n',
    });
    expect(await facts('remove', 'sandbox', 'third account')).toEqual({
      connector: 'sandbox',
      removed: 'third account',
      default: 'ada',
      revoked: false, // an API key cannot be
    });
  });
});

describe('call', () => {
  it('makes what it is told to under a key once, also as another process', async () => {
    const written = () => home.sandbox.observed.apiCalls.filter((it) => it.method === 'POST').length;
    const before = written();
    const make = (title: string) =>
      call('tickets', 'create', '--params', JSON.stringify({ title }), '--idempotency-key', 'order-1', '--json');
    const first = await make('Once');
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse((await make('Once')).stdout)).toEqual(JSON.parse(first.stdout));
    const other = await make('Twice');
    expect([other.code, JSON.parse(other.stdout).error.code]).toEqual([1, 'idempotency_conflict']);
    expect(written()).toBe(before + 1);
  });

  it('prints data and who served it', async () => {
    const { code, stdout, stderr } = await call('tickets', 'list', '--params', '{"limit": 2, "state": "open"}');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      data: [{ state: 'open' }, { state: 'open' }],
      meta: { integration: 'ada', account: 'ada@sandbox.example', page: { hasMore: true, cursor: expect.any(String) } },
    });
  });

  it('writes a file as it is, and as base64 in JSON', async () => {
    const files = JSON.parse((await call('files', 'list')).stdout) as { data: { id: string; name: string }[] };
    const { id = '' } = files.data[0] ?? {};
    const params = ['--params', JSON.stringify({ fileId: id })];
    const { code, bytes, stderr } = await call('files', 'download', ...params);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const json = JSON.parse((await call('files', 'download', ...params, '--json')).stdout);
    expect(json.data).toMatchObject({ bytes: bytes.length });
    expect(Buffer.from(json.file, 'base64').equals(bytes)).toBe(true);
    expect(bytes.length).toBeGreaterThan(0);
  });

  it.each([
    ['for people', [], 1, /^$/, /^tieline: .+ \[not_found\]\n/],
    ['for programs', ['--json'], 1, /^\{\n {2}"error": \{\n {4}"code": "not_found",/, /^$/],
  ])('tells %s what went wrong', async (_, more, code, out, err) => {
    const ended = await call('tickets', 'get', '--params', '{"ticketId": "none"}', ...more);
    expect(ended.code).toBe(code);
    expect(ended.stdout).toMatch(out);
    expect(ended.stderr).toMatch(err);
  });

  it('leaves a line for each call in the audit log, of who did what and how it ended', async () => {
    const lines = (await readFile(join(home.path, 'audit.jsonl'), 'utf8')).trim().split('\n');
    const records = lines.map((it) => JSON.parse(it));
    expect(records.at(-1)).toMatchObject({
      connector: 'sandbox',
      entity: 'tickets',
      action: 'get',
      outcome: 'not_found',
    });
    expect(records.find((it) => it.action === 'download')).toMatchObject({ integration: 'ada', outcome: 'ok' });
  });
});
