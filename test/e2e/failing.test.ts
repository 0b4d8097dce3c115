import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Home, makeHome } from './home.ts';
import { until } from './program.ts';
import { type Served, serveHome } from './serve.ts';

let home: Home;
let served: Served;
beforeAll(async () => {
  home = await makeHome();
  const failing = fileURLToPath(new URL('failing.mjs', import.meta.url));
  served = await serveHome({ ...home, env: { ...home.env, NODE_OPTIONS: `--import ${failing}` } });
});
afterAll(async () => {
  served.server.child.kill('SIGKILL');
  await served.server.ended;
  await home.close();
});

const list = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} });

/** A request that may come to nothing, as what it needs has failed: then it is cut, and never left without an answer. */
const attempt = (path: string, init: RequestInit = {}): Promise<number> =>
  fetch(served.url + path, { redirect: 'manual', signal: AbortSignal.timeout(20_000), ...init }).then(
    async (response) => {
      await response.text();
      return response.status;
    },
    (error: Error) => {
      if (error.name === 'TimeoutError') throw error;
      return 0;
    },
  );

/** An upload whose sender goes away. */
async function cutOff(path: string): Promise<void> {
  const socket = connect(Number(new URL(served.url).port), '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: ${new URL(served.url).host}\r\ncontent-type: application/json\r\nauthorization: Bearer ${served.clientKey}\r\ncontent-length: 1000\r\n\r\n{"a":`,
  );
  await new Promise((resolve) => setTimeout(resolve, 20));
  socket.destroy();
}

it('serves others whatever throws in a listener of a request, an answer or a socket', async () => {
  const json = { 'content-type': 'application/json', authorization: `Bearer ${served.clientKey}` };
  const accept = { ...json, accept: 'application/json, text/event-stream', 'x-customer-name': 'ada' };
  for (let round = 0; round < 6; round++) {
    await attempt('/api/v1/users', {
      method: 'POST',
      headers: json,
      body: JSON.stringify({ identifier: `u${round}` }),
    });
    await attempt('/mcp', { method: 'POST', headers: accept, body: list });
    await attempt('/mcp', { method: 'POST', headers: accept, body: list + ' '.repeat(500_000) });
    await attempt('/sign-in', { method: 'POST', body: new URLSearchParams({ identifier: 'ada', secret: 'x' }) });
    await attempt('/authorize?client_id=x');
    await attempt('/api/v1/openapi.json');
    for (const path of ['/mcp', '/api/v1/users', '/sign-in']) await cutOff(path);
  }
  const thrown = new Set(served.server.stderr().match(/^thrown \S+$/gm));
  for (const name of ['request.data', 'request.end', 'request.close', 'answer.finish', 'answer.close', 'socket.close'])
    expect([...thrown]).toContain(`thrown ${name}`);
  // Each has thrown its once: what comes now is served, on connections of before and anew.
  await until(async () => (await attempt('/healthz')) === 200, served.server.stderr);
  expect(await served.post('/users', served.clientKey, { identifier: 'grace' })).toMatchObject({ identifier: 'grace' });
  expect(served.server.child.exitCode).toBeNull();
});
