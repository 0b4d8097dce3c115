import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkAs } from '../mcp/linkstage.ts';
import { connectClient, type McpClient } from './client.ts';
import { type Home, makeHome } from './home.ts';
import { decide, type Opener, openerIn } from './opener.ts';
import { environment, startNode, temporary, until } from './program.ts';
import { type Served, serveHome } from './serve.ts';

const mcpRemote = fileURLToPath(new URL('../../node_modules/mcp-remote/dist/proxy.js', import.meta.url));

let home: Home;
let served: Served;
let folder: Awaited<ReturnType<typeof temporary>>;
let opener: Opener;
beforeAll(async () => {
  home = await makeHome();
  served = await serveHome(home);
  folder = await temporary();
  opener = await openerIn(folder.path);
});
afterAll(async () => {
  served.server.child.kill('SIGKILL');
  await served.server.ended;
  await home.close();
  await folder.remove();
});

type User = Awaited<ReturnType<Served['user']>>;

const TOOL = 'sandbox_profile_get';
const isAda = { data: { id: 'ada' } };

const program = (options: readonly string[]) => ({
  args: [mcpRemote, `${served.url}/mcp`, ...options],
  env: { ...opener.env, MCP_REMOTE_CONFIG_DIR: join(folder.path, 'mcp-auth') },
});

/** A client that starts mcp-remote, as those do that know stdio alone. */
function connect(...options: string[]): Promise<McpClient> {
  const { args, env } = program(options);
  return connectClient('v1', {}, { command: process.execPath, args, env: environment(env) });
}

/** With `auto` it speaks 2026-07-28 to the server, and a revision of 2025 to the client as ever. */
describe.each(['legacy', 'auto'])('mcp-remote with a personal access token and --protocol %s', (protocol) => {
  it('lists tools, has an account linked and calls with it, and opens no browser', async () => {
    const user = await served.user(protocol);
    const create = ['tokens', 'create', protocol, 'mcp-remote', '--scopes', 'read,write,manage', '--json'];
    const { token } = JSON.parse((await home.run(create)).stdout) as { token: string };
    const client = await connect('--protocol', protocol, '--header', `Authorization: Bearer ${token}`);
    expect((await client.tools()).tools.map((it) => it.name)).toContain(TOOL);
    const first = await client.call(TOOL);
    expect(first.structuredContent.error?.code).toBe('integration_required');
    await linkAs(served, /http:\S+\/connect\/[\w-]+/.exec(first.content[0]?.text ?? '')?.[0] ?? '', user);
    // Clients of 2025 have no stream on which the server could tell them.
    if (protocol === 'auto') await until(() => client.changes() > 0, client.stderr);
    expect((await client.call(TOOL)).structuredContent).toMatchObject(isAda);
    await client.close();
    expect(client.stderr()).toContain('Connected to remote server using StreamableHTTPClientTransport');
    expect(client.stderr().includes('Remote server speaks MCP 2026-07-28')).toBe(protocol === 'auto');
    expect(opener.opened()).toBe(0);
  });
});

describe('mcp-remote that knows nothing but the address', () => {
  let user: User;
  beforeAll(async () => {
    user = await served.user('ada');
    await served.post('/integrations/connectors', served.clientKey, {
      customer_name: 'ada',
      connector_type: 'sandbox',
      credentials: { apiKey: home.sandbox.apiKey('ada') },
    });
  });

  /** Connects, calls and ends; no browser is opened. */
  async function goesOn(): Promise<void> {
    const before = opener.opened();
    const client = await connect();
    expect((await client.call(TOOL)).structuredContent).toMatchObject(isAda);
    await client.close();
    expect(opener.opened()).toBe(before);
  }

  it('has its user sign in and allow it', async () => {
    const before = opener.opened();
    const signIn = opener.next().then((address) => decide(address, user, 'allow'));
    const [client, shown] = await Promise.all([connect(), signIn]);
    expect(await shown.text()).toContain('Authorization successful!');
    expect((await client.tools()).tools.map((it) => it.name)).toContain(TOOL);
    expect((await client.call(TOOL)).structuredContent).toMatchObject(isAda);
    await client.close();
    expect(opener.opened()).toBe(before + 1);
  });

  it('goes on with the tokens that it kept', goesOn);

  it('renews them by itself', async () => {
    const { file, tokens } = await keptTokens();
    await writeFile(file, JSON.stringify({ ...tokens, expires_at: 1 }));
    await goesOn();
    const { tokens: renewed } = await keptTokens();
    expect(renewed.access_token).not.toBe(tokens.access_token);
    expect(renewed.refresh_token).not.toBe(tokens.refresh_token);
  });

  it('asks its user again after they have ended its access, and ends when they refuse', async () => {
    const headers = { authorization: `Bearer ${user.token}` };
    const grants = `${served.url}/api/v1/grants`;
    const { data } = (await (await fetch(grants, { headers })).json()) as { data: { id: string; client: object }[] };
    expect(data).toMatchObject([{ client: { name: 'MCP CLI Proxy' } }]);
    await fetch(`${grants}/${data[0]?.id}`, { method: 'DELETE', headers });
    await refused(user);
  });

  async function keptTokens(): Promise<{ file: string; tokens: Record<string, unknown> }> {
    const kept = join(folder.path, 'mcp-auth', 'mcp-remote-v1');
    const name = (await readdir(kept)).find((it) => it.endsWith('_tokens.json')) ?? '';
    const file = join(kept, name);
    return { file, tokens: JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown> };
  }
});

it('mcp-remote with a token that is not good has its user sign in, and ends when they refuse', async () => {
  const token = 'pat-0123456789abcdef0123456789abcdef';
  const said = await refused(await served.user('grace'), '--header', `Authorization: Bearer ${token}`);
  expect(said + served.server.stderr()).not.toContain(token);
});

/** Starts mcp-remote, whose user does not allow it: what it says. */
async function refused(user: User, ...options: string[]): Promise<string> {
  const { args, env } = program(options);
  const proxy = startNode(args, { env, open: true });
  const shown = await decide(await opener.next(), user, 'deny');
  expect(await shown.text()).toContain('Authorization failed: the user did not allow it');
  const { code, stdout, stderr } = await proxy.ended;
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('Authentication required.');
  expect(stderr).toContain('Fatal error: Error: Authorization failed: access_denied - the user did not allow it');
  return stderr;
}
