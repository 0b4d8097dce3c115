import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startProvider } from './provider.mjs';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

const definition = (origin) => ({
  format: 1,
  connector: 'relay',
  version: '1.0.0',
  title: 'Relay',
  summary: 'An API whose tokens rotate.',
  server: { baseUrl: origin },
  auth: {
    options: {
      tokens: {
        title: 'Tokens',
        type: 'oauth2',
        grant: 'refresh_token',
        ui: {
          schema: {
            type: 'object',
            required: ['refresh_token'],
            properties: { refresh_token: { type: 'string', secret: true } },
          },
        },
        methods: {
          getCredentialsFromConnectionParameters: { mapping: { refreshToken: '{{ input.refresh_token }}' } },
          getOAuthConfig: { mapping: { clientId: 'relay', clientSecret: 'relay-secret', tokenUri: `${origin}/token` } },
        },
      },
    },
  },
  entities: {
    things: {
      title: 'Things',
      actions: {
        get: { summary: 'One thing.', effect: 'read', scopes: ['any'], request: { path: '/thing' } },
        make: {
          summary: 'Makes a thing.',
          effect: 'create',
          scopes: ['any'],
          params: { type: 'object', required: ['key'], properties: { key: { type: 'string' } } },
          request: { method: 'POST', path: '/things', json: { key: '{{ args.key }}' } },
        },
      },
    },
  },
});

/**
 * A provider, so many processes of `tieline serve` on one store, and so many accounts, each of a family of tokens of
 * its own. `store` is a URL, or undefined for SQLite in the home that the processes then share. `files` is how many may be
 * open in a process.
 */
export async function openStage({
  store,
  processes = 2,
  accounts = 10,
  config = {},
  tokenLife,
  home: given,
  env = {},
  files,
}) {
  const provider = await startProvider({ tokenLife });
  const folder = await mkdtemp(join(tmpdir(), 'tieline-faults-'));
  const definitions = join(folder, 'definitions');
  await mkdir(join(definitions, 'relay'), { recursive: true });
  await writeFile(join(definitions, 'relay', 'connector.yaml'), JSON.stringify(definition(provider.origin)));
  const key = randomBytes(32).toString('base64');
  const homeOf = (index) => given ?? join(folder, store === undefined ? 'home' : `home-${index}`);

  const all = {
    enabled: ['relay'],
    network: { allowPrivate: ['127.0.0.1'] },
    server: { requestsPerMinute: 1_000_000 },
    ...config,
  };

  const furnished = new Set();
  async function furnish(home) {
    if (furnished.has(home)) return;
    await mkdir(home, { recursive: true, mode: 0o700 });
    await writeFile(join(home, 'config.yaml'), JSON.stringify(all), { mode: 0o600 });
    furnished.add(home);
  }

  async function start(index, more = {}) {
    const home = homeOf(index);
    await furnish(home);
    const { port = 0, execArgv = [], ...others } = more;
    const program = [process.execPath, ...execArgv, MAIN, 'serve', '--port', String(port), '--json'];
    const limited = files === undefined ? program : ['bash', '-c', `ulimit -n ${files}; exec "$0" "$@"`, ...program];
    const child = spawn(limited[0], limited.slice(1), {
      env: {
        PATH: process.env.PATH,
        TIELINE_HOME: home,
        TIELINE_CONNECTORS: definitions,
        TIELINE_LOG: 'warn',
        TIELINE_KEY: key,
        ...(store !== undefined && { TIELINE_STORE: store }),
        ...env,
        ...others,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const server = { index, child, url: undefined, errors: '', clientKey: undefined };
    child.stderr.on('data', (text) => {
      server.errors = `${server.errors}${text}`.slice(-10_000);
    });
    server.ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)));
    let out = '';
    child.stdout.on('data', (text) => {
      out += text;
    });
    for (let tries = 0; tries < 600 && child.exitCode === null; tries++) {
      try {
        const { url, clientKey } = JSON.parse(out);
        // An error is told in the same way.
        if (url !== undefined) return Object.assign(server, { url, clientKey });
      } catch {
        // Nothing yet, or not all.
      }
      await sleep(50);
    }
    throw new Error(`the server did not start: ${server.errors}${out}`);
  }

  const servers = [];
  for (let i = 0; i < processes; i++) servers.push(await start(i));
  const clientKey = servers[0]?.clientKey;

  /** One request of the API. Gives `ok`, or the code of what came instead; never throws. */
  async function request(server, path, body, { timeoutMs = 60_000, headers = {} } = {}) {
    const started = performance.now();
    const ms = () => performance.now() - started;
    try {
      const response = await fetch(`${server.url}/api/v1${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${clientKey}`, 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
      });
      const json = await response.json();
      return { code: response.ok ? 'ok' : (json.code ?? String(response.status)), json, ms: ms() };
    } catch (error) {
      return { code: error.name === 'TimeoutError' ? 'client_timeout' : (error.cause?.code ?? 'broken'), ms: ms() };
    }
  }

  const linked = [];
  for (let i = 0; i < accounts; i++) {
    const body = {
      customer_name: `user-${i}`,
      connector_type: 'relay',
      auth_option: 'tokens',
      credentials: { refresh_token: provider.newFamily(`f${i}`) },
    };
    const { json, code } = await request(servers[0], '/integrations/connectors', body);
    if (code !== 'ok') throw new Error(`no account: ${JSON.stringify(json)}`);
    linked.push(json.id);
  }

  return {
    provider,
    servers,
    accounts: linked,
    clientKey,
    folder,
    home: homeOf(0),
    start,
    request,
    call: (server, account, { key, ...more } = {}) =>
      request(
        server,
        `/integrations/connectors/${account}/execute`,
        { entity: 'things', action: key ? 'make' : 'get', ...(key && { params: { key } }) },
        more,
      ),
    async close() {
      for (const { child, ended } of servers) {
        if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
        await ended;
      }
      await provider.close();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
