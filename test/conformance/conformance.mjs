/**
 * node test/conformance/conformance.mjs [revision…]
 *
 * Runs the official conformance suite for servers against `tieline serve` as it is built, once for each protocol
 * revision. Exits with 0 only if every scored scenario passed, but for those named in `expected-<revision>.yml`.
 *
 * The suite sends no credentials, so that it goes through a proxy that adds the token of a user.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const suite = here('../../node_modules/@modelcontextprotocol/conformance/dist/index.js');
const revisions = process.argv.length > 2 ? process.argv.slice(2) : ['2026-07-28', '2025-11-25'];

const home = await mkdtemp(join(tmpdir(), 'tieline-conformance-'));
const env = { ...process.env, TIELINE_HOME: home, TIELINE_LOG: 'error' };
for (const name of ['TIELINE_URL', 'TIELINE_STORE', 'TIELINE_KEY', 'TIELINE_KEY_FILE']) delete env[name];
const server = spawn(process.execPath, [here('server.mjs')], { env, stdio: ['ignore', 'pipe', 'inherit'] });
let failed = false;
try {
  const { url, clientKey } = await firstJson(server);
  const proxy = await startProxy(url, await tokenOf(url, clientKey));
  for (const revision of revisions) failed = (await run(revision, proxy.url)) || failed;
  proxy.close();
} finally {
  server.kill();
  if (server.exitCode === null) await once(server, 'exit');
  await rm(home, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;

/** What `serve --json` prints when it listens. */
async function firstJson({ stdout }) {
  let text = '';
  for await (const line of createInterface({ input: stdout })) {
    text += line;
    try {
      return JSON.parse(text);
    } catch {
      // more lines belong to it
    }
  }
  throw new Error('the server did not start');
}

async function tokenOf(url, clientKey) {
  const post = async (path, bearer, body) => {
    const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' };
    const response = await fetch(`${url}/api/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
    return response.json();
  };
  const identifier = 'conformance';
  const { secret } = await post('/users', clientKey, { identifier });
  const login = await post('/auth/token', clientKey, { identifier, secret });
  return (await post('/tokens', login.token, { name: 'conformance' })).token;
}

/** Passes everything on as it is, Host and Origin with it, and adds the token. */
async function startProxy(url, token) {
  const { hostname, port } = new URL(url);
  const proxy = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const authorized = { ...headers, authorization: `Bearer ${token}` };
    const onward = request({ hostname, port, method, path, headers: authorized }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    url: `http://127.0.0.1:${proxy.address().port}/mcp`,
    close: () => {
      proxy.close();
      proxy.closeAllConnections();
    },
  };
}

/** Whether it failed. */
async function run(revision, url) {
  const expected = here(`expected-${revision}.yml`);
  const args = ['server', '--url', url, '--requirements', revision];
  if (existsSync(expected)) args.push('--expected-failures', expected);
  process.stdout.write(`\n=== ${revision} ===\n`);
  const command = ['--import', here('globsync.mjs'), suite, ...args];
  const child = spawn(process.execPath, command, { cwd: home, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  const [code] = await once(child, 'close');
  const summary = output.indexOf('=== SUMMARY ===');
  process.stdout.write(code === 0 && summary >= 0 ? output.slice(summary) : output);
  process.stdout.write(`\n${revision}: ${code === 0 ? 'conforms' : 'DOES NOT CONFORM'}\n`);
  return code !== 0;
}
