import { spawn, spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectClient, type McpClient } from '../e2e/client.ts';
import { type Env, environment, mainFile, temporary, until } from '../e2e/program.ts';
import { tieline } from './inprocess.ts';

const PASSWORD = 'pass-word-0123456789';
const NEW_PASSWORD = 'new-pass-word-0123456789';

let place: Awaited<ReturnType<typeof temporary>>;
let env: Env;
let url: string;
let password = PASSWORD;
let close: () => Promise<void>;
let client: McpClient;
/** Everything the program printed, for the one check that no secret is in it. */
let printed = '';

beforeAll(async () => {
  const api = await startDesk();
  ({ url, close } = api);
  place = await temporary();
  env = { TIELINE_HOME: place.path };
  // A list of connectors that are on does not turn off what was entered by hand.
  await writeFile(
    join(place.path, 'config.yaml'),
    JSON.stringify({ enabled: [], network: { allowPrivate: [new URL(url).host] } }),
  );
  // Before there is a folder for connections.
  client = await connectClient('v1', env);
});

afterAll(async () => {
  await client.close();
  await close();
  await place.remove();
});

/** A desk that gives a token for the right password, and takes that token alone. */
async function startDesk() {
  const read = async (request: IncomingMessage) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    return body;
  };
  const server = createServer(async (request, response) => {
    const { method, url: path = '', headers } = request;
    const body = await read(request);
    const reply = (status: number, value: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    if (path === '/api/login?tenant=main') {
      const isRight = body === JSON.stringify({ user: 'ada', password });
      return reply(isRight ? 200 : 401, isRight ? { access_token: `token-for-${password}`, expires_in: 600 } : {});
    }
    if (headers.authorization !== `Bearer token-for-${password}`) return reply(401, {});
    if (path === '/api/health') return reply(200, {});
    reply(200, { method, path, body });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

const desk = (more: object = {}) => ({
  name: 'Service Desk',
  description: 'Tickets of the house.',
  documentationLink: 'https://desk.example/docs',
  baseUrl: `${url}/api/`,
  testPath: 'health',
  auth: {
    type: 'http_bearer_token',
    path: '/login',
    params: { tenant: '{{tenant}}' },
    body: { raw: '{"user": "{{user}}", "password": "{{password}}"}' },
    outputs: { token: "body['access_token']", expiration: "body['expires_in']" },
  },
  secrets: { password: PASSWORD },
  parameters: { tenant: 'main', user: 'ada' },
  actions: {
    tickets: {
      list: { request: { path: '/tickets', query: { state: '{{state}}' } } },
      comment: { request: { method: 'POST', path: '/tickets/{{id}}/comments', json: { text: '{{text}}' } } },
    },
  },
  ...more,
});

async function run(args: readonly string[], input?: object | string) {
  const text = typeof input === 'object' ? JSON.stringify(input) : input;
  const ended = await tieline(['connections', ...args], { env, ...(text !== undefined && { input: text }) });
  printed += ended.stdout + ended.stderr;
  return ended;
}
const json = async (args: readonly string[], input?: object) =>
  JSON.parse((await run([...args, '--json'], input)).stdout);
const file = () => join(place.path, 'connectors', 'service_desk', 'connector.yaml');
/** Without those that manage accounts, which are always there. */
const toolNames = async () =>
  (await client.tools()).tools.map((it) => it.name).filter((it) => !it.startsWith('integrations_'));
const has = (name: string) => async () => (await toolNames()).includes(name);

describe('a connection from its making to its end', { timeout: 120_000 }, () => {
  it('says how to begin', async () => {
    expect(await toolNames()).toEqual([]);
    expect((await run(['list'])).stdout).toContain('tieline connections create');
  });

  it('is refused with what is wrong, and leaves nothing', async () => {
    const wrong = desk({ secrets: { password: 'a-wrong-password-1' } });
    const { code, stdout, stderr } = await run(['create', '--input', '-'], wrong);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('[reauthorization_required]');
    expect(stderr).not.toContain('a-wrong-password');
    expect(await readdir(join(place.path, 'connectors')).catch(() => [])).toEqual([]);
  });

  it('is made, and a running server takes it up by itself', async () => {
    const { code, stdout } = await run(['create', '--input', '-'], desk());
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout:
        'Created Service Desk as service_desk, with the tools service_desk_tickets_list, service_desk_tickets_comment.\nThe test path answered.\n',
    });
    await until(has('service_desk_tickets_comment'), client.stderr);
    expect(client.changes()).toBeGreaterThan(0);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
  });

  it('has the tools its actions say, with the parameters found in them', async () => {
    const { tools } = await client.tools();
    const comment = tools.find((it) => it.name === 'service_desk_tickets_comment');
    expect(comment?.inputSchema).toMatchObject({
      required: ['id'],
      properties: { id: { type: 'string' }, text: { type: 'string' } },
    });
    expect(comment?.annotations).toMatchObject({ readOnlyHint: false });
    expect(tools.find((it) => it.name === 'service_desk_tickets_list')?.annotations?.readOnlyHint).toBe(true);
    const answer = await client.call('service_desk_tickets_comment', { id: '5/6', text: 'Hello' });
    expect(answer.structuredContent.data).toEqual({
      method: 'POST',
      path: '/api/tickets/5%2F6/comments',
      body: '{"text":"Hello"}',
    });
  });

  it('is listed, shown and exported without its secrets', async () => {
    expect((await run(['list'])).stdout).toMatch(/^CONNECTION .*\nservice_desk +Service Desk +http/);
    expect(await json(['show', 'service_desk'])).toMatchObject({ secrets: { password: null }, status: 'active' });
    const exported = (await run(['export', 'service_desk'])).stdout;
    expect(load(exported)).toMatchObject({ name: 'Service Desk', secrets: { password: null }, lockVersion: 1 });
  });

  it('is tested', async () => {
    expect(await json(['test', 'service_desk'])).toMatchObject({ connector: 'service_desk', status: 'ok' });
  });

  it('is edited: what is not said stays, the secret too', async () => {
    const exported = load((await run(['export', 'service_desk'])).stdout) as object;
    const changes = { ...exported, description: 'Other tickets.', actions: { tickets: { comment: null } } };
    const { code, stdout } = await run(['edit', 'service_desk', '--input', '-'], changes);
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Changed .* service_desk_tickets_list\./),
    });
    await until(async () => !(await has('service_desk_tickets_comment')()), client.stderr);
    expect((await client.call('service_desk_tickets_list', { state: 'open' })).structuredContent.data).toMatchObject({
      path: '/api/tickets?state=open',
    });
    const stale = await run(['edit', 'service_desk', '--input', '-'], changes);
    expect(stale).toMatchObject({ code: 1, stderr: expect.stringContaining('[conflict]') });
  });

  it('fails its test when the password has changed, and takes the new one', async () => {
    password = NEW_PASSWORD;
    const { code, stdout } = await run(['test', 'service_desk']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^service_desk: error, \d+ ms\n {2}\S.*\n {2}\S/);
    expect(await run(['edit', 'service_desk', '--input', '-'], { secrets: { password: NEW_PASSWORD } })).toMatchObject({
      code: 0,
    });
    expect(await json(['show', 'service_desk'])).toMatchObject({ lockVersion: 3, parameters: { user: 'ada' } });
  });

  it('is imported under another name, with its secrets given', async () => {
    const { lockVersion: _, ...exported } = load((await run(['export', 'service_desk'])).stdout) as Record<
      string,
      unknown
    >;
    const path = join(place.path, 'second.yaml');
    await writeFile(path, JSON.stringify({ ...exported, connector: 'second' }));
    const without = await run(['import', path]);
    expect(without).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/needs password, and there is no terminal/),
    });
    await writeFile(path, JSON.stringify({ ...exported, connector: 'second', secrets: { password: NEW_PASSWORD } }));
    expect(await json(['import', path])).toMatchObject({ connector: 'second', lockVersion: 1, tested: true });
    await until(has('second_tickets_list'), client.stderr);
    expect((await tieline(['connectors', 'lint'], { env })).stdout).toContain('all well');
    expect((await tieline(['doctor'], { env })).stdout).toMatch(/connectors: .*second/);
  });

  it('is removed, with its tools', async () => {
    expect(await run(['remove', 'service_desk'])).toMatchObject({
      code: 0,
      stdout: 'Removed service_desk and its credentials.\n',
    });
    await until(async () => !(await has('service_desk_tickets_list')()), client.stderr);
    expect(await toolNames()).toEqual(['second_tickets_list']);
    expect(await readdir(join(place.path, 'connectors'))).toEqual(['second']);
    expect(await run(['show', 'service_desk'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no connection service_desk'),
    });
  });

  it('has never shown a secret, nor has the server', async () => {
    const definition = await readFile(join(place.path, 'connectors', 'second', 'connector.yaml'), 'utf8');
    for (const secret of [PASSWORD, NEW_PASSWORD, 'token-for']) {
      expect(printed + definition + client.stderr()).not.toContain(secret);
    }
  });

  it('is taken up again when the whole folder went and came', async () => {
    await rm(join(place.path, 'connectors'), { recursive: true });
    await until(async () => (await toolNames()).length === 0, client.stderr);
    await mkdir(join(place.path, 'connectors'));
    expect((await run(['create', '--input', '-'], desk({ secrets: { password } }))).code).toBe(0);
    await until(has('service_desk_tickets_list'), client.stderr);
  });
});

describe('wrong input ends with the field at fault, and without what was typed:', () => {
  it.each([
    ['of a field', desk, { baseUri: 'x' }, 'unknown key `baseUri`; did you mean `baseUrl`?'],
    ['that is no YAML', () => `{a: [${PASSWORD}`, {}, 'standard input:1:'],
    ['with a name that is taken', desk, { name: 'GitHub' }, 'already a connector github'],
    [
      'with a private address',
      desk,
      { name: 'Other', baseUrl: 'https://10.1.2.3' },
      'network.allowPrivate in config.yaml',
    ],
  ])('%s', async (_, make, change, says) => {
    const given = make(change);
    const { code, stdout, stderr } = await run(['create', '--input', '-'], given);
    expect({ isDone: code === 0, stdout }).toEqual({ isDone: false, stdout: '' });
    expect(stderr).toContain(says);
    expect(stderr).not.toContain(PASSWORD);
  });

  it('and nobody to ask', async () => {
    const { code, stderr } = await run(['create']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/needs name, baseUrl.*there is no terminal[\s\S]*--input/);
  });
});

/** util-linux's `script` gives a program a terminal; without it nobody can be asked, and there is nothing to test. */
const hasTerminal = spawnSync('script', ['--version']).status === 0;

it.runIf(hasTerminal)(
  'asks for all of it at a terminal, and does not show the password',
  { timeout: 120_000 },
  async () => {
    password = PASSWORD;
    const typed: readonly (readonly [string, string])[] = [
      ['Name: ', 'Typed'],
      ['Base URL: ', `${url}/api`],
      ['Test path (optional): ', '/health'],
      ['API documentation link (optional): ', ''],
      ['Description (optional): ', ''],
      ['Trusted CA (optional): ', ''],
      ['Authentication [none]: ', 'http_bearer_token'],
      ['Token header (optional) [Authorization]: ', ''],
      ['Token prefix (optional) [Bearer]: ', ''],
      ['Method (optional) [POST]: ', ''],
      ['Request path: ', 'login'],
      ['URL parameters (optional): ', 'tenant=main'],
      ['Headers (optional): ', 'X-A: b; Accept: application/json'],
      ['Body as form (optional): ', ''],
      ['Body as JSON (optional): ', '{"user": "{{user}}", "password": "{{password}}"}'],
      ['Token output: ', "body['access_token']"],
      ['Expiration output (optional): ', "body['expires_in']"],
      ['Follow redirects (optional) [false]: ', ''],
      ['Stream the response (optional) [false]: ', ''],
      ['Token base URL (optional): ', ''],
      ['Token trusted CA (optional): ', ''],
      ['Names that are secret (optional): ', ''],
      ['user: ', 'ada'],
      ['password: ', PASSWORD],
    ];
    const child = spawn('script', ['-qec', `"${process.execPath}" "${mainFile}" connections create`, '/dev/null'], {
      env: environment({ ...env, TIELINE_LOG: 'warn' }),
      stdio: 'pipe',
    });
    let screen = '';
    let from = 0;
    child.stdout.on('data', (chunk) => {
      screen += chunk;
    });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    for (const [seen, keys] of typed) {
      await until(
        () => screen.includes(seen, from),
        () => screen,
      );
      from = screen.indexOf(seen, from) + seen.length;
      child.stdin.write(`${keys}\r`);
    }
    expect(await ended, screen).toBe(0);
    expect(screen).toContain('Created Typed as typed, with the tools typed_requests_get');
    expect(screen).not.toContain(PASSWORD);
  },
);
