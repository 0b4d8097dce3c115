import type { RequestListener } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/http/context.ts';
import { type Listening, listen } from '../../src/http/listen.ts';
import { type HttpStage, openHttpStage, type Tenant } from './stage.ts';

const faulty: RequestListener = async (incoming, outgoing) => {
  if (incoming.url === '/now') throw new Error('at once');
  await new Promise(setImmediate);
  if (incoming.url === '/later') throw new Error('later');
  if (incoming.url === '/begun') {
    outgoing.writeHead(200, { 'content-length': '10' });
    outgoing.write('half');
    throw new Error('in the middle');
  }
  outgoing.end('fine');
};

describe('what a handler of a request throws', () => {
  let listening: Listening;
  let url: string;
  beforeAll(async () => {
    listening = await listen(faulty, { host: '127.0.0.1', port: 0 });
    url = `http://127.0.0.1:${listening.port}`;
  });
  afterAll(() => listening.close({ patience: 0 }));

  it.each(['/now', '/later'])('is answered, and others are served: %s', async (path) => {
    const response = await fetch(url + path);
    expect(response.status).toBe(500);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({ code: 'internal', status: 500 });
    expect(await (await fetch(url)).text()).toBe('fine');
  });

  it('cuts an answer that has begun, and others are served', async () => {
    await expect(fetch(`${url}/begun`).then((it) => it.text())).rejects.toThrow();
    expect(await (await fetch(url)).text()).toBe('fine');
  });
});

describe('hostile bodies', () => {
  let stage: HttpStage;
  let acme: Tenant;
  let token: string;
  beforeAll(async () => {
    stage = await openHttpStage({ limits: { ...defaultLimits, requests: 10_000, failures: 1_000 } });
    acme = await stage.tenant();
    ({ token } = await stage.user(acme, 'ada'));
  });
  afterAll(() => stage.close());

  const deep = `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`;
  const call = (meta: string) => `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":${meta}}}`;
  const many = (count: number) => `{${Array.from({ length: count }, (_, i) => `"k${i}":1`).join()}}`;

  it.each([
    ['a deep envelope', call(deep)],
    ['a deep text', '['.repeat(100_000)],
    ['many values', call(many(300_000).slice(0, 7_000_000))],
  ])('to MCP are refused with %s', async (_, body) => {
    const response = await fetch(`${stage.url}/mcp`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body,
    });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ code: 'json_too_large' });
    expect((await stage.request('GET', '//healthz')).status).toBe(200);
  });

  it.each([
    ['deep JSON', deep, 'json_too_large'],
    ['many fields', many(20_000), 'json_too_large'],
    ['a megabyte too much', JSON.stringify({ identifier: 'x'.repeat(2 * 1024 * 1024) }), 'request_too_large'],
  ])('to the API are refused with %s', async (_, body, code) => {
    const { status, body: problem } = await stage.request('POST', '/users', {
      as: acme,
      body,
      headers: { 'content-type': 'application/json' },
    });
    expect({ status, code: problem.code }).toEqual({ status: 413, code });
  });

  it('are explained in few words', async () => {
    const fields = many(5_000);
    const { status, text } = await stage.request('POST', '/users', { as: acme, body: fields });
    expect(status).toBe(400);
    expect(text.length).toBeLessThan(2_000);
  });

  it.each(['HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE'])('%s is answered everywhere', async (method) => {
    const paths = ['/mcp', '/authorize', '/token', '/register', '/sign-in', '/sign-out', '/connect/x', '/callback/x'];
    for (const path of [...paths, '/api/v1/users', '/api/v1/openapi.json', '/healthz', '/nowhere']) {
      const { status } = await fetch(stage.url + path, { method, redirect: 'manual' });
      expect([path, status < 500]).toEqual([path, true]);
    }
  });
});
