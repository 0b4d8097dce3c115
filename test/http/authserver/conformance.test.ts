import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { McpStage } from '../../mcp/httpstage.ts';
import { openAuthStage, register, signedIn } from './stage.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const SUITE = here('../../../node_modules/@modelcontextprotocol/conformance/dist/index.js');

let stage: McpStage;
let suite: ChildProcess | undefined;

beforeAll(async () => {
  stage = await openAuthStage();
});
afterAll(async () => {
  suite?.kill();
  await stage.close();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address ? address.port : 0;
}

it('passes the official suite for authorization servers', async () => {
  const port = await freePort();
  const browser = await signedIn(stage.url, await stage.user(stage.acme, 'ada'));
  const client = await register(stage.url, { redirect_uris: ['http://127.0.0.1/callback'] });
  const args = ['authorization', '--url', stage.url, '--client-id', client, '-p', String(port)];
  const resource = ['--resource', `${stage.url}/mcp`];
  suite = spawn(process.execPath, ['--import', here('../../conformance/globsync.mjs'), SUITE, ...args, ...resource]);
  let output = '';
  let isSent = false;
  for (const stream of [suite.stdout, suite.stderr]) {
    stream?.on('data', async (chunk) => {
      output += chunk;
      const [address] = /http:\/\/\S+\/authorize\?\S+/.exec(output) ?? [];
      if (!address || isSent) return;
      isSent = true;
      const back = await browser.submit(await browser.open(address), { decision: 'allow' });
      await fetch(back.url);
    });
  }
  const [code] = await once(suite, 'close');
  expect(code, output).toBe(0);
  expect(output).toMatch(/Total: (\d+) passed, 0 failed/);
}, 60_000);
