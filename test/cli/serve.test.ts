import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Home, makeHome } from '../e2e/home.ts';
import { type Env, type Running, start, until } from '../e2e/program.ts';
import { tieline } from './inprocess.ts';

let home: Home;
const servers: Running[] = [];
beforeAll(async () => {
  home = await makeHome({ tieline, server: { drain: { readinessDelay: '0s' } } });
});
afterAll(async () => {
  for (const server of servers) server.child.kill('SIGKILL');
  await Promise.all(servers.map((it) => it.ended));
  await home.close();
});

type Served = { readonly url: string; readonly organization?: string; readonly clientKey?: string };

async function serve(args: readonly string[] = [], env: Env = {}): Promise<{ server: Running; served: Served }> {
  const server = start(['serve', '--port', '0', '--json', ...args], { env: { ...home.env, ...env }, open: true });
  servers.push(server);
  await until(() => server.stdout().includes('}'), server.stderr);
  return { server, served: JSON.parse(server.stdout()) };
}

const call = async ({ url }: Served, method: string, path: string, key: string | undefined, body?: object) => {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as { id: string; data: { id: string } } };
};

describe('tieline serve', () => {
  it('makes an organization at the first start, once for servers that start together, and drains at the end', async () => {
    const started = await Promise.all([serve(), serve()]);
    const keys = started.flatMap(({ served }) => served.clientKey ?? []);
    expect(keys).toHaveLength(1);
    const [one, two] = started.map((it) => it.served) as [Served, Served];
    const made = await call(one, 'POST', '/integrations/connectors', keys[0], {
      customer_name: 'ada',
      connector_type: 'sandbox',
      credentials: { apiKey: home.sandbox.apiKey('ada') },
    });
    expect(made.status).toBe(201);
    // Every process is stateless: what one stored another serves.
    const done = await call(two, 'POST', `/integrations/connectors/${made.body.id}/execute`, keys[0], {
      entity: 'profile',
      action: 'get',
    });
    expect(done.body.data.id).toBe('ada');
    for (const { server } of started) {
      const { pid } = server.child;
      const slow = call(one, 'GET', '/connectors', keys[0]).catch(() => undefined);
      await slow;
      server.child.kill('SIGTERM');
      const { code, stdout, stderr } = await server.ended;
      expect(code, `${pid} ${stderr}`).toBe(0);
      expect(stdout + stderr).not.toContain(home.sandbox.apiKey('ada'));
    }
    const again = await serve();
    expect(again.served.clientKey).toBeUndefined();
    again.server.child.kill('SIGTERM');
    await again.server.ended;
  });

  it('signs MCP clients in itself, under the address that it is given', async () => {
    const { server, served } = await serve();
    const metadata = (await (await fetch(`${served.url}/.well-known/oauth-authorization-server`)).json()) as {
      issuer: string;
      registration_endpoint: string;
    };
    expect(metadata.issuer).toBe(served.url);
    const registered = await fetch(metadata.registration_endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: ['http://127.0.0.1/callback'] }),
    });
    expect(registered.status).toBe(201);
    server.child.kill('SIGTERM');
    const { stdout, stderr } = await server.ended;
    expect(stderr).not.toContain('oidc-provider');
    expect(JSON.parse(stdout)).toEqual(served);
  });

  it.each([
    [['--port', 'x'], 2, 'usage'],
    [['--host', '203.0.113.1'], 1, 'config_invalid'],
  ])('does not start with %j', async (args, code, error) => {
    const ended = await home.run(['serve', '--json', ...args]);
    expect(ended.code).toBe(code);
    expect(JSON.parse(ended.stdout)).toMatchObject({ error: { code: error } });
  });

  it.each([
    ['0.0.0.0', {}, 'with nothing before it'],
    ['::', {}, 'with nothing before it'],
    ['10.0.0.5', { TIELINE_URL: 'http://tieline.example.com' }, 'by http, without TLS'],
    ['127.0.0.1.example.com', { TIELINE_URL: 'http://localhost.example.com' }, 'by http, without TLS'],
  ])('does not open %s to other machines with %j, and says what would', async (host, env, why) => {
    const { code, stdout } = await home.run(['serve', '--port', '0', '--json', '--host', host], { env });
    expect(code).toBe(1);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'config_invalid',
      message: `${host} is reached by other machines ${why}`,
      hint: expect.stringMatching(/proxy with TLS.*TIELINE_URL.*leave out --host/),
    });
  });

  it.each(['https://tieline.example.com', 'http://localhost:8080'])('listens everywhere behind %s', async (url) => {
    const { server, served } = await serve(['--host', '0.0.0.0'], { TIELINE_URL: `${url}/` });
    expect(served.url).toBe(url);
    server.child.kill('SIGTERM');
    expect((await server.ended).code).toBe(0);
  });

  it('says what is wrong with TIELINE_URL', async () => {
    const ended = await home.run(['serve', '--port', '0'], { env: { TIELINE_URL: 'tieline.example.com' } });
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('TIELINE_URL is no web address');
  });
});

describe('tieline users and keys', () => {
  const json = async (...args: string[]) => {
    const { stdout, code } = await home.run([...args, '--json']);
    return { code, value: JSON.parse(stdout) };
  };

  it('register, list, rotate, disable, enable and delete a user', async () => {
    const [first] = (await json('organizations', 'list')).value;
    const made = await json('users', 'create', 'grace', '--organization', first.id);
    expect(made.value).toMatchObject({ identifier: 'grace', secret: expect.stringMatching(/^sk-user-/) });
    expect((await json('users', 'create', 'grace')).value.error.code).toBe('user_exists');
    expect((await json('users', 'rotate', 'grace')).value.secret).not.toBe(made.value.secret);
    expect((await json('users', 'disable', 'grace')).value.status).toBe('disabled');
    expect((await json('users', 'enable', 'grace')).value.status).toBe('active');
    const listed = await home.run(['users', 'list']);
    expect(listed.stdout).toContain('grace');
    expect(listed.stdout).not.toContain('sk-user');
    expect((await json('users', 'delete', 'grace')).value.deleted).toBe(true);
    expect((await json('users', 'disable', 'grace')).value.error.code).toBe('user_unknown');
  });

  it('make another organization, which then has to be named', async () => {
    const second = await json('users', 'bootstrap', '--name', 'second');
    expect(second.value.clientKey).toMatch(/^sk-client-/);
    const unnamed = await json('users', 'list');
    expect(unnamed).toMatchObject({ code: 1, value: { error: { code: 'organization_required' } } });
    const named = ['--organization', second.value.organization];
    expect((await json('users', 'list', ...named)).value).toEqual([]);
    const key = (await json('keys', 'create', 'ci', ...named)).value;
    expect((await json('keys', 'list', ...named)).value.map((it: { name: string }) => it.name)).toEqual([
      'first',
      'ci',
    ]);
    expect((await json('keys', 'revoke', key.id, ...named)).value.revoked).toBe(true);
    const url = 'https://app.example.com/done';
    expect((await json('organizations', 'redirect', url, ...named)).value.redirectUrls).toEqual([url]);
    expect((await json('organizations', 'redirect', 'javascript:alert(1)', ...named)).code).toBe(2);
  });
});
