import { connect as dial } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signIn } from '../../src/sandbox/person.ts';
import { writeDefinition } from '../e2e/desk.ts';
import { type Home, makeHome } from '../e2e/home.ts';
import { type Running, start, until } from '../e2e/program.ts';
import { oauthClient } from '../sandbox/client.ts';
import { boxDefinition } from './box.ts';
import { tieline } from './inprocess.ts';

let home: Home;

beforeAll(async () => {
  home = await makeHome({ tieline });
  await writeDefinition(home.definitions, 'box', boxDefinition(home.sandbox.url));
});

afterAll(() => home.close());

const connect = (connector: string, args: readonly string[], input?: object) =>
  home.run(['connect', connector, ...args, ...(input ? ['--input', '-'] : [])], {
    ...(input && { input: JSON.stringify(input) }),
  });

const accounts = async (connector: string) => {
  const { stdout } = await home.run(['integrations', 'list', '--json']);
  const all = JSON.parse(stdout) as { connector: string; identifier: string; isDefault: boolean; account?: string }[];
  return all.filter((it) => it.connector === connector);
};

const call = async (args: readonly string[]) => JSON.parse((await home.run(['call', ...args])).stdout);

describe('by what a person has', () => {
  it('a key', async () => {
    const apiKey = home.sandbox.apiKey('ada');
    const { code, stdout, stderr } = await connect('sandbox', ['--option', 'key'], { apiKey });
    expect({ code, stderr: stderr.replace(/^.* info Made a new master key .*\n/, '') }).toEqual({
      code: 0,
      stderr: '',
    });
    expect(stdout).toBe(
      'Connected Sandbox as ada (ada@sandbox.example).\nIt is the default account of this connector.\n',
    );
    expect(await call(['sandbox', 'profile', 'get'])).toMatchObject({
      data: { id: 'ada' },
      meta: { integration: 'ada' },
    });
  });

  it('a token, and a setting', async () => {
    const given = { token: home.sandbox.apiKey('ada') };
    const args = ['--option', 'token', '--identifier', 'few', '--setting', 'size=3', '--json'];
    const { code, stdout } = await connect('box', args, given);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      connector: 'box',
      identifier: 'few',
      account: 'ada@sandbox.example',
      isDefault: true,
      tested: true,
    });
    expect((await call(['box', 'tickets', 'list'])).data).toHaveLength(3);
  });

  it('a refresh token, for which an access token is got', async () => {
    const tokens = await (await oauthClient(home.sandbox)).link('grace', { scope: 'openid offline_access read write' });
    const { clientId, clientSecret } = home.sandbox;
    const given = { refresh_token: tokens.refresh_token, client_id: clientId, client_secret: clientSecret };
    const refreshes = home.sandbox.observed.refreshes();
    const { code, stdout } = await connect('box', ['--option', 'tokens'], given);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout:
        'Connected Box as grace@sandbox.example.\nUse it with the argument integration: "grace@sandbox.example".\n',
    });
    const grace = await call(['box', 'tickets', 'list', '--integration', 'grace@sandbox.example']);
    expect(grace).toMatchObject({ data: [expect.anything(), expect.anything()] });
    expect(home.sandbox.observed.refreshes()).toBe(refreshes + 1);
  });

  it('nothing but the application itself', async () => {
    const { code, stdout } = await connect('sandbox', ['--option', 'client', '--identifier', 'robot']);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('Connected Sandbox as robot') });
  });
});

describe('is refused, and stores nothing,', () => {
  const KEY = 'not-a-key-of-anybody';
  let before: unknown;

  beforeAll(async () => {
    before = await accounts('sandbox');
  });
  afterAll(async () => expect(await accounts('sandbox')).toEqual(before));

  it.each([
    ['when the provider does not take the key', ['--option', 'key'], { apiKey: KEY }, 1, /\[token_rejected\]/],
    [
      'when the input is no JSON',
      ['--option', 'key', '--input', '-'],
      KEY,
      2,
      /standard input is not a JSON object \[usage\]/,
    ],
    [
      'when a field is missing',
      ['--option', 'key'],
      {},
      2,
      /needs apiKey, and there is no terminal .*\n {2}.*--input -/,
    ],
    [
      'when the file is not there',
      ['--option', 'key', '--input', '/no/such/file'],
      undefined,
      2,
      /\(ENOENT\) \[usage\]/,
    ],
    [
      'when there is no such way',
      ['--option', 'passkey'],
      {},
      2,
      /no auth option passkey .*\n {2}Use one of: oauth, client, key/,
    ],
    ['when the port is none', ['--port', '99999'], undefined, 2, /--port is not a port: 99999/],
  ])('%s', async (_, args, input, code, says) => {
    const given = typeof input === 'string' ? input : input && JSON.stringify(input);
    const more = typeof input === 'object' ? ['--input', '-'] : [];
    const ended = await home.run(['connect', 'sandbox', ...args, ...more], given === undefined ? {} : { input: given });
    expect(ended).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(says) });
    expect(ended.stderr).not.toContain(KEY);
  });

  it('when the name is taken: before anybody is asked, and also when the provider gave the name', async () => {
    for (const args of [
      ['--identifier', 'ada'],
      ['--option', 'key', '--input', '-'],
    ]) {
      const input = JSON.stringify({ apiKey: home.sandbox.apiKey('ada') });
      const { code, stderr } = await home.run(['connect', 'sandbox', '--no-browser', ...args], { input });
      expect(code).toBe(1);
      expect(stderr).toBe(
        'tieline: sandbox already has an integration ada [integration_exists]\n  Choose another name with --identifier, or give it new credentials with --reconnect.\n',
      );
    }
  });

  it('when the connector is not there, which may be a slip', async () => {
    const { code, stderr } = await home.run(['connect', 'sandbx']);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'tieline: there is no connector sandbx [connector_unknown]\n  Did you mean sandbox?\n',
    });
  });
});

describe('by signing in', () => {
  let running: Running;

  async function begin(...args: string[]): Promise<{ url: URL; callback: URL }> {
    running = start(['connect', 'sandbox', '--no-browser', ...args], { env: home.env, open: true });
    const found = () => /^ {2}(http:\S+)$/m.exec(running.stderr())?.[1];
    await until(() => found() !== undefined, running.stderr);
    const url = new URL(found() ?? '');
    return { url, callback: new URL(url.searchParams.get('redirect_uri') ?? '') };
  }

  it('shows the address, waits for the answer to this sign-in and no other, and tells the person to go back', async () => {
    const { url, callback } = await begin('--json');
    expect(running.stderr()).toMatch(/^Open this address in a browser:\n\n {2}http:\S+\n\nWaiting for the sign-in…\n$/);
    expect(url.searchParams.get('code_challenge_method')).toBe('S256');
    expect(callback).toMatchObject({ hostname: '127.0.0.1', pathname: '/callback/sandbox' });
    const state = url.searchParams.get('state') ?? '';
    for (const [path, query] of [
      ['/callback/sandbox', { code: 'invented', state: 'another' }],
      ['/callback/sandbox', { code: 'invented' }],
      ['/callback/github', { code: 'invented', state }],
      ['/', { state }],
    ] as const) {
      const address = new URL(path, callback);
      address.search = new URLSearchParams(query).toString();
      const answer = await fetch(address);
      expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('Not expected')]);
    }
    expect(await raw(callback, 'GET // HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
    const landed = await signIn(url.href, 'grace');
    const answer = await fetch(landed);
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('Back to the terminal')]);
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    const { code, stdout } = await running.ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      identifier: 'grace',
      account: 'grace@sandbox.example',
      isDefault: false,
    });
    await expect(fetch(callback)).rejects.toThrow();
  });

  it('ends when the person says no', async () => {
    const before = await accounts('sandbox');
    const { url } = await begin('--identifier', 'refused');
    await signIn(url.href, 'ada', { decision: 'deny', deliver: true });
    const { code, stdout, stderr } = await running.ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(
      /not connected: the provider answered access_denied \[authorization_failed\]\n {2}Start again\./,
    );
    expect(await accounts('sandbox')).toEqual(before);
  });

  it('gives new credentials to an account that is there, which stays the default', async () => {
    const before = await accounts('sandbox');
    expect(before.find((it) => it.isDefault)?.identifier).toBe('ada');
    const { url } = await begin('--identifier', 'ada', '--reconnect');
    await signIn(url.href, 'ada', { deliver: true });
    expect(await running.ended).toMatchObject({ code: 0, stdout: expect.stringContaining('is the default account') });
    expect((await accounts('sandbox')).map((it) => [it.identifier, it.isDefault])).toEqual(
      before.map((it) => [it.identifier, it.isDefault]),
    );
    expect(await call(['sandbox', 'profile', 'get'])).toMatchObject({ data: { id: 'ada' } });
  });

  it('says which port cannot be had', async () => {
    const { callback } = await begin('--identifier', 'first');
    const { code, stderr } = await home.run(['connect', 'sandbox', '--no-browser', '--port', callback.port]);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: `tieline: port ${callback.port} cannot be listened on [usage]\n  Choose another with --port.\n`,
    });
    running.child.kill();
    await running.ended;
  });
});

/** What a server answers to bytes that no HTTP client would send. */
function raw(to: URL, bytes: string): Promise<string> {
  const socket = dial(Number(to.port), to.hostname, () => socket.write(bytes));
  return text(socket);
}
