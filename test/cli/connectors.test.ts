import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deskDefinition, writeDefinition } from '../e2e/desk.ts';
import { type Env, temporary } from '../e2e/program.ts';
import { tieline } from './inprocess.ts';

const shipped = fileURLToPath(new URL('../../connectors', import.meta.url));
let place: Awaited<ReturnType<typeof temporary>>;
let env: Env;

beforeAll(async () => {
  place = await temporary();
  await writeDefinition(join(place.path, 'own'), 'desk', deskDefinition('http://127.0.0.1:9'));
  env = { TIELINE_HOME: place.path, TIELINE_CONNECTORS: join(place.path, 'own') };
});

afterAll(() => place.remove());

const connectors = (...args: string[]) => tieline(['connectors', ...args], { env });
const facts = async (...args: string[]) => JSON.parse((await connectors(...args, '--json')).stdout);

describe.concurrent('list', () => {
  it('shows what is on, the shipped and the own', async () => {
    const { code, stdout, stderr } = await connectors('list');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^CONNECTOR +TOOLS +CONNECT BY +WHAT\n/);
    expect(stdout).toMatch(/^desk +4 +open, tokens +A made-up API for tests\.$/m);
    expect(stdout).toMatch(/^gmail +2\d +oauth, tokens, service_account +\S/m);
    expect(stdout).not.toMatch(/^sandbox /m);
  });

  it('shows those that are off as well when asked', async () => {
    const all = (await facts('list', '--all')) as { name: string; tools: number }[];
    expect(all.map((it) => it.name)).toEqual(expect.arrayContaining(['desk', 'github', 'gmail', 'sandbox']));
    expect(all.find((it) => it.name === 'github')?.tools).toBeGreaterThanOrEqual(30);
  });
});

describe.concurrent('show', () => {
  it('tells a person how to connect, and each action with its parameters', async () => {
    const { code, stdout } = await connectors('show', 'desk');
    expect(code).toBe(0);
    expect(stdout).toBe(`Desk 1.0.0: A made-up API for tests.

Connect by:
  open (default): Nobody
  tokens: Existing tokens, asks for [access_token] <refresh_token> [client_id]

Actions:
  items list
      read: All items, each looked up by itself.
  items wait
      read: Waits for an answer that never comes.
  items html
      read: A page where data was expected.
  self get [text]
      read: What the API was sent.
`);
  });

  it('tells a program the schemas too', async () => {
    const gmail = await facts('show', 'gmail');
    expect(gmail).toMatchObject({ name: 'gmail', settings: { type: 'object' } });
    const [send] = gmail.actions.filter((it: { tool: string }) => it.tool === 'gmail_messages_send');
    expect(send).toMatchObject({ entity: 'messages', action: 'send', effect: 'create', params: { type: 'object' } });
  });

  it('knows no other', async () => {
    expect(await connectors('show', 'gmial')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: 'tieline: there is no connector gmial [connector_unknown]\n  Did you mean gmail?\n',
    });
  });
});

describe.concurrent('lint', () => {
  it('finds nothing wrong with a definition that is shipped', async () => {
    const { code, stdout } = await connectors('lint', join(shipped, 'sandbox'));
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^1 definition, 15 tools, \d+ recorded examples: all well\n$/),
    });
  });

  it('tells every problem of a file with its place, and fails', async () => {
    const text = deskDefinition('http://127.0.0.1:9', 'bad')
      .replace('summary: All items', 'sumary: All items')
      .replace('effect: read', 'effect: reed');
    const file = await writeDefinition(join(place.path, 'bad'), 'bad', text);
    const lineOf = (part: string) => text.split('\n').findIndex((it) => it.includes(part)) + 1;
    const { code, stdout } = await connectors('lint', file);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      new RegExp(`bad/connector\\.yaml:${lineOf('sumary')}:9 unknown key .sumary.; did you mean .summary.`),
    );
    expect(stdout).toMatch(new RegExp(`bad/connector\\.yaml:${lineOf('reed')}:17 `));
    const json = await connectors('lint', file, '--json');
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout).problems.length).toBeGreaterThanOrEqual(2);
  });

  it('replays recorded examples, and says which no longer holds', async () => {
    const folder = join(place.path, 'edited');
    await cp(join(shipped, 'sandbox'), join(folder, 'sandbox'), { recursive: true });
    const file = join(folder, 'sandbox', 'connector.yaml');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replaceAll('path: /api/v1/tickets', 'path: /api/v2/tickets'));
    const { code, stdout } = await connectors('lint', folder);
    expect(code).toBe(1);
    expect(stdout).toMatch(/sandbox\/connector\.yaml:\d+:\d+ .*\/api\/v2\/tickets/);
  });

  it('wants a place where there is something', async () => {
    await mkdir(join(place.path, 'empty'), { recursive: true });
    for (const path of ['empty', 'nowhere']) {
      expect(await connectors('lint', join(place.path, path))).toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringMatching(/there is no connector\.yaml in .* \[usage\]/),
      });
    }
  });
});

describe.concurrent('try', () => {
  it('prints the exact request, with secrets masked', async () => {
    const params = { q: 'from:ada "1 & 1"', labelIds: ['INBOX', 'UNREAD'], limit: 5 };
    const given = { access_token: 'ya29-made-up-token', refresh_token: 'made-up-refresh' };
    const { code, stdout, stderr } = await connectors(
      ...['try', 'gmail', 'messages', 'list', '--option', 'tokens'],
      ...['--params', JSON.stringify(params), '--input', JSON.stringify(given)],
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [line = '', ...headers] = stdout.trimEnd().split('\n');
    const url = new URL(line.replace(/^GET /, ''));
    expect(url.origin + url.pathname).toBe('https://gmail.googleapis.com/gmail/v1/users/me/messages');
    expect(url.searchParams.get('q')).toBe(params.q);
    expect(url.searchParams.getAll('labelIds')).toEqual(params.labelIds);
    expect(url.searchParams.get('maxResults')).toBe('5');
    expect(headers).toContain('authorization: Bearer [secret]');
    expect(stdout).not.toMatch(/made-up/);
  });

  it('prints the body of a write, and keeps a path argument one segment', async () => {
    const params = JSON.stringify({ owner: 'a', repo: '../b', title: 'T' });
    const { stdout } = await connectors('try', 'github', 'issues', 'create', '--option', 'token', '--params', params);
    expect(stdout).toMatch(
      /^POST https:\/\/api\.github\.com\/repos\/a\/\.\.%2Fb\/issues\n[\s\S]*\n\n\{"title":"T"\}\n$/,
    );
  });

  it('shapes sample answers', async () => {
    const file = join(place.path, 'profile.json');
    await writeFile(file, JSON.stringify({ emailAddress: 'ada@example.com', messagesTotal: 3, historyId: '7' }));
    const tried = await facts('try', 'gmail', 'profile', 'get', '--response', file);
    expect(tried).toMatchObject({
      requests: [{ method: 'GET', url: 'https://gmail.googleapis.com/gmail/v1/users/me/profile' }],
      result: { data: { emailAddress: 'ada@example.com' } },
    });
    const refused = await facts('try', 'gmail', 'profile', 'get', '--response', file, '--status', '429');
    expect(refused.error.code).toBe('rate_limited');
  });

  it.each([
    [
      'arguments that do not fit',
      ['gmail', 'messages', 'get', '--params', '{"id":"1"}'],
      /messageId is missing.* \[arguments_invalid\]/,
    ],
    [
      'a status that is none',
      ['gmail', 'profile', 'get', '--status', 'good'],
      /--status is not the status of an answer: good \[usage\]/,
    ],
    [
      'an answer that is not there',
      ['gmail', 'profile', 'get', '--response', '/no/such/file'],
      /cannot be read \(ENOENT\) \[usage\]/,
    ],
    ['an action that is not there', ['gmail', 'mesages', 'get'], /\[action_unknown\]/],
  ])('refuses %s', async (_, args, says) => {
    expect(await connectors('try', ...args)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(says),
    });
  });
});
