import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freePort } from '../freeport.mjs';

/** What the suite runs against: `tieline serve` on an empty data folder, and those who use it. */
export async function startTarget() {
  const home = await mkdtemp(join(tmpdir(), 'tieline-conformance-'));
  const env = { PATH: process.env.PATH ?? '', HOME: home, TIELINE_HOME: home, TIELINE_LOG: 'error' };
  const file = fileURLToPath(new URL('server.mjs', import.meta.url));
  const server = spawn(process.execPath, [file], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const close = async () => {
    server.kill();
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const { url, clientKey } = await firstJson(server);
    return {
      url,
      close,
      freePort,
      /** Makes a user: `{ identifier, secret, token }`, the token for all that they may do. */
      async user(identifier) {
        const { secret } = await post(`${url}/api/v1/users`, { identifier }, clientKey);
        const login = await post(`${url}/api/v1/auth/token`, { identifier, secret }, clientKey);
        const { token } = await post(`${url}/api/v1/tokens`, { name: 'conformance' }, login.token);
        return { identifier, secret, token };
      },
      /** A public client on this machine, whose redirect URI is good with any port; gives its ID. */
      async registerClient() {
        const about = { client_name: 'Conformance suite', token_endpoint_auth_method: 'none' };
        const redirect_uris = ['http://127.0.0.1/callback'];
        return (await post(`${url}/register`, { ...about, redirect_uris })).client_id;
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

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

async function post(address, body, bearer) {
  const headers = { 'content-type': 'application/json', ...(bearer && { authorization: `Bearer ${bearer}` }) };
  const response = await fetch(address, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${new URL(address).pathname}: ${await response.text()}`);
  return response.json();
}
