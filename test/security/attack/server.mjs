import { fork } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../../dist/main.js', import.meta.url));
const PROBE = new URL('probe.mjs', import.meta.url).href;

/** A connector to an API at any address of this machine, with a token that the user types. */
const DEFINITION = {
  format: 1,
  connector: 'target',
  version: '1.0.0',
  title: 'Target',
  summary: 'An API of this machine.',
  server: { baseUrl: "{{ input?.base_url ?? app?.apiUrl ?? 'http://127.0.0.1:9' }}", testPath: '/thing' },
  app: { schema: { type: 'object', properties: { apiUrl: { type: 'string' } } } },
  auth: {
    options: {
      token: {
        title: 'Token',
        type: 'bearer',
        ui: {
          schema: {
            type: 'object',
            required: ['token'],
            properties: { token: { type: 'string', secret: true }, base_url: { type: 'string' } },
          },
        },
        methods: { getCredentialsFromConnectionParameters: { mapping: { token: '{{ secrets.token }}' } } },
      },
    },
  },
  entities: {
    things: {
      title: 'Things',
      actions: {
        get: {
          summary: 'One thing.',
          effect: 'read',
          scopes: ['any'],
          params: { type: 'object', properties: { at: { type: 'string', default: 'thing' } } },
          request: { path: '/{{ args.at }}' },
        },
        make: {
          summary: 'Makes a thing.',
          effect: 'create',
          scopes: ['any'],
          request: { method: 'POST', path: '/thing', json: {} },
        },
      },
    },
  },
};

/**
 * `tieline serve` of a home of its own, with a definition for the API of this machine. `config` is added to its
 * `config.yaml`, `env` to its environment, `wrap` goes before the command.
 */
export async function startServer({ config = {}, env = {}, api, execArgv = [] }) {
  const home = await mkdtemp(join(tmpdir(), 'tieline-attack-'));
  const definitions = join(home, 'definitions');
  await mkdir(join(definitions, 'target'), { recursive: true });
  await writeFile(join(definitions, 'target', 'connector.yaml'), JSON.stringify(DEFINITION));
  const { network, server: served, ...rest } = config;
  const all = {
    enabled: ['target', 'sql'],
    network: { allowPrivate: ['127.0.0.1', 'healthy.test'], allowFiles: [home], ...network },
    server: { requestsPerMinute: 1_000_000, drain: { readinessDelay: '0s', timeout: '1s' }, ...served },
    ...rest,
  };
  await writeFile(join(home, 'config.yaml'), JSON.stringify(all), { mode: 0o600 });
  const child = fork(MAIN, ['serve', '--port', '0', '--json'], {
    execArgv: ['--expose-gc', '--import', PROBE, ...execArgv],
    env: { PATH: process.env.PATH, TIELINE_HOME: home, TIELINE_CONNECTORS: definitions, TIELINE_LOG: 'warn', ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let errors = '';
  let exit;
  child.stderr.on('data', (text) => {
    errors = `${errors}${text}`.slice(-20_000);
  });
  const ended = new Promise((resolve) =>
    child.once('exit', (code, signal) => {
      exit = signal ?? code;
      resolve();
    }),
  );
  const first = await firstJson(child, () => errors);
  const server = { home, url: first.url, key: first.clientKey, pid: child.pid, exit: () => exit, errors: () => errors };
  const remove = () => rm(home, { recursive: true, force: true, maxRetries: 5 });
  return Object.assign(server, {
    api,
    /** Sends to a path of the server. Gives status, headers and text; `failed` where there was no answer. */
    send: (path, options) => send(`${server.url}${path}`, options),
    /** The same below /api/v1, as the program of the organization unless `as` says otherwise. */
    async rest(method, path, { as = server.key, body, headers = {} } = {}) {
      const answer = await send(`${server.url}/api/v1${path}`, {
        method,
        headers: {
          ...(as && { authorization: `Bearer ${as}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
      });
      return { ...answer, json: parsed(answer.text) };
    },
    memory() {
      return new Promise((resolve, reject) => {
        if (exit !== undefined) return reject(new Error('the server has ended'));
        child.once('message', resolve);
        child.send('memory');
      });
    },
    async close() {
      if (exit === undefined) child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 3_000);
      await ended;
      clearTimeout(late);
      await remove();
    },
  });
}

async function firstJson(child, errors) {
  let out = '';
  for await (const chunk of child.stdout) {
    out += chunk;
    const found = parsed(out);
    if (found) {
      child.stdout.resume();
      return found;
    }
  }
  throw new Error(`the server did not start: ${errors()}`);
}

/** Never throws: a connection that breaks is an answer too. */
export async function send(url, { timeoutMs = 60_000, ...options } = {}) {
  try {
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(timeoutMs), ...options });
    return { status: response.status, headers: response.headers, text: await response.text() };
  } catch (error) {
    return { status: 0, headers: new Headers(), text: '', failed: String(error.cause ?? error) };
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
