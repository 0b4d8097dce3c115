import { execFile } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Answer, Tool } from './client.ts';
import { type Home, makeHome } from './home.ts';
import { type Installed, installInspector, nodeIsTooOld } from './inspector.ts';
import { decide, openerIn } from './opener.ts';
import { type Env, environment, mainFile, startNode } from './program.ts';
import { type Served, serveHome } from './serve.ts';

describe.skipIf(nodeIsTooOld)(`the command line of the MCP inspector${nodeIsTooOld}`, () => {
  let inspector: Installed;
  let home: Home;
  let served: Served;
  let user: Awaited<ReturnType<Served['user']>>;
  beforeAll(async () => {
    inspector = await installInspector();
    if (inspector.absent !== undefined) return console.warn(inspector.absent);
    home = await makeHome();
    await home.connectKey('ada');
    served = await serveHome(home);
    user = await served.user('grace');
    await served.post('/integrations/connectors', served.clientKey, {
      customer_name: user.identifier,
      connector_type: 'sandbox',
      credentials: { apiKey: home.sandbox.apiKey('grace') },
    });
  }, 240_000);
  afterAll(async () => {
    served?.server.child.kill('SIGKILL');
    await served?.server.ended;
    await home?.close();
    await inspector.remove();
  });
  beforeEach(({ skip }) => skip(inspector.absent !== undefined, inspector.absent));

  type Printed = { readonly result: { readonly tools: Tool[] } & Answer };
  type Refused = { readonly error: { readonly code: string; readonly message: string } };

  /** Runs it to its end: its exit code, and the JSON that it prints of what succeeds and of what fails. */
  async function inspect(args: readonly string[], env: Env = {}): Promise<{ code: number | null } & Printed & Refused> {
    const launcher = join(
      inspector.folder,
      'node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js',
    );
    const { code, stdout, stderr } = await startNode([launcher, '--cli', '--format', 'json', ...args], {
      env: { HOME: inspector.folder, MCP_INSPECTOR_SECRET_STORE: 'file', ...env },
    }).ended;
    const printed = stdout || stderr.split('\n').find((it) => it.startsWith('{"error"'));
    if (!printed) throw new Error(stderr);
    return { code, ...(JSON.parse(printed) as Printed & Refused) };
  }

  const places = {
    'tieline stdio': () => [
      ...['-e', `TIELINE_HOME=${home.path}`, '-e', `TIELINE_CONNECTORS=${home.definitions}`],
      ...[process.execPath, mainFile, 'stdio'],
    ],
    'tieline serve': () => [...overHttp(), '--header', `Authorization: Bearer ${user.token}`],
  };
  const overHttp = () => ['--transport', 'http', '--server-url', `${served.url}/mcp`];

  describe.each([
    ['tieline stdio', 'legacy', 'ada'],
    ['tieline stdio', 'modern', 'ada'],
    ['tieline serve', 'legacy', 'grace'],
    ['tieline serve', 'modern', 'grace'],
  ] as const)('at %s in the era %s', (place, era, person) => {
    const run = (...args: string[]) => inspect([...places[place](), '--protocol-era', era, ...args]);

    it('lists tools, and finds no schema that models cannot take', async () => {
      const { code, result } = await run('--method', 'tools/list', '--strict');
      expect(code).toBe(0);
      expect(result.tools.map((it) => it.name)).toEqual(expect.arrayContaining(['sandbox_tickets_list']));
    });

    it('calls tools with arguments', async () => {
      const call = ['--method', 'tools/call', '--tool-name'];
      const { code, result } = await run(...call, 'sandbox_tickets_list', '--tool-arg', 'limit=2');
      expect(code).toBe(0);
      expect(result.structuredContent).toMatchObject({ data: [{}, {}], meta: { integration: expect.any(String) } });
      const whose = await run(...call, 'sandbox_profile_get');
      expect(whose.result.structuredContent.data).toMatchObject({ id: person });
    });

    it('reads why a call fails', async () => {
      const args = ['--tool-name', 'sandbox_tickets_get', '--tool-arg', 'ticketId=no-such-ticket'];
      const { code, result } = await run('--method', 'tools/call', ...args);
      expect(code).toBe(5);
      expect(result).toMatchObject({ isError: true, structuredContent: { error: { code: 'not_found' } } });
    });
  });

  it('is told that a token is not good', async () => {
    const wrong = ['--header', 'Authorization: Bearer pat-wrong', '--stored-auth-only'];
    const { code, error } = await inspect([...overHttp(), ...wrong, '--method', 'tools/list']);
    expect(code).toBe(3);
    expect(error).toMatchObject({ code: 'auth_required', message: expect.stringContaining('no longer good') });
  });

  const isGrace = { code: 0, result: { structuredContent: { data: { id: 'grace' } } } };

  it.each(['legacy', 'modern'])('has its user sign in, and needs that once: %s', async (era) => {
    const folder = await mkdtemp(join(inspector.folder, 'home-'));
    const opener = await openerIn(folder);
    const env = { ...opener.env, HOME: folder, MCP_AUTO_OPEN_ENABLED: 'true' };
    const args = [...overHttp(), '--protocol-era', era, '--method', 'tools/call', '--tool-name', 'sandbox_profile_get'];
    const callback = ['--callback-url', 'http://127.0.0.1:0/callback'];
    const signIn = opener.next().then((address) => decide(address, user, 'allow'));
    const [first, shown] = await Promise.all([inspect([...args, ...callback], env), signIn]);
    expect(shown.status).toBe(200);
    expect(first).toMatchObject(isGrace);
    expect(await inspect([...args, '--stored-auth-only'], env)).toMatchObject(isGrace);
    expect(opener.opened()).toBe(1);
  });

  it('runs as `tieline mcp-config` says', async () => {
    const { command } = JSON.parse((await home.run(['mcp-config', '--client', 'inspector', '--json'])).stdout);
    const onTerminal = command.replace('inspector ', 'inspector --cli --format json --method tools/list ');
    const env = environment({ HOME: inspector.folder, npm_config_offline: 'true' });
    const options = { cwd: inspector.folder, env, maxBuffer: 2 ** 24 };
    const { stdout } = await promisify(execFile)('sh', ['-c', onTerminal], options);
    expect(JSON.stringify((JSON.parse(stdout) as Printed).result.tools)).toContain('ada (default)');
  });
});
