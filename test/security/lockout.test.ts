import { request as ask, createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TielineError } from '../../src/errors.ts';
import { Browser, openAuthStage, post, register, signedIn, tokensFor } from '../http/authserver/stage.ts';
import type { McpStage } from '../mcp/httpstage.ts';

/** A reverse proxy as they all are: it adds whom it was asked by at the end of the list. */
async function startProxy(target: string): Promise<{ url: string; server: Server }> {
  const { hostname, port } = new URL(target);
  const server = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const before = headers['x-client'] ?? '203.0.113.1';
    const list = [headers['x-forwarded-for'], before].filter(Boolean).join(', ');
    const onward = ask({ hostname, port, method, path, headers: { ...headers, 'x-forwarded-for': list } }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.once('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

const FAILURES = 5;

describe.each([
  ['that is not known', []],
  ['that is trusted', ['127.0.0.1']],
])('behind a proxy %s, whatever wrong is shown from one address', (name, trustedProxies) => {
  let stage: McpStage;
  let proxy: Awaited<ReturnType<typeof startProxy>>;
  let ada: { identifier: string; secret: string; token: string };
  let personal: string;

  beforeAll(async () => {
    stage = await openAuthStage({ limits: { failures: FAILURES }, more: () => ({ trustedProxies }) });
    proxy = await startProxy(stage.url);
    ada = await stage.user(stage.acme, 'ada');
    personal = (await stage.request('POST', '/tokens', { as: ada.token, body: { name: 'x' } })).body.token;
    const wrong = ['nonsense', 'sk-client-0123456789abcdef-'.padEnd(70, 'x'), 'pat-a-b', `${ada.token}x`];
    for (let i = 0; i < 40; i++) {
      const authorization = `Bearer ${wrong[i % 4]}${i % 8 < 4 ? i : ''}`;
      await fetch(`${proxy.url}/api/v1/me`, { headers: { authorization } });
      await fetch(`${proxy.url}/mcp`, { method: 'POST', headers: { authorization }, body: '{}' });
      await fetch(`${proxy.url}/api/v1/me`, { headers: { 'x-api-key': `wrong ${i}` } });
    }
  });
  afterAll(async () => {
    proxy.server.close();
    proxy.server.closeAllConnections();
    await stage.close();
  });

  it('the right key, login and token are served', async () => {
    const api = (headers: Record<string, string>) => fetch(`${proxy.url}/api/v1/me`, { headers });
    expect((await api({ authorization: `Bearer ${ada.token}` })).status).toBe(200);
    const organization = await fetch(`${proxy.url}/api/v1/organization`, { headers: { 'x-api-key': stage.acme.key } });
    expect(organization.status).toBe(200);
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
    const headers = {
      authorization: `Bearer ${personal}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
    };
    expect((await fetch(`${proxy.url}/mcp`, { method: 'POST', headers, body })).status).toBe(200);
  });

  it('a credential that has just ended is told so, for its client to sign in anew', async () => {
    const { status } = await fetch(`${proxy.url}/api/v1/me`, { headers: { authorization: 'Bearer ended-just-now' } });
    expect(status).toBe(401);
  });

  it('the same wrong one is looked at no more, from there', async () => {
    const shown = async (client: string) => {
      const headers = { authorization: `Bearer again-${name}`, 'x-client': client };
      return (await fetch(`${proxy.url}/api/v1/me`, { headers })).status;
    };
    const statuses: number[] = [];
    for (let i = 0; i < FAILURES + 2; i++) statuses.push(await shown('203.0.113.1'));
    expect(statuses).toEqual([...Array(FAILURES).fill(401), 429, 429]);
    // Of another client the proxy speaks only where it is believed.
    expect(await shown('203.0.113.2')).toBe(trustedProxies.length === 0 ? 429 : 401);
  });

  it('clients register, and codes and tokens are taken', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 130; i++) {
      const form = { grant_type: 'refresh_token', client_id: 'nobody', refresh_token: 'wrong' };
      statuses.push((await post(`${proxy.url}/token`, form)).status);
    }
    expect([statuses[0], statuses.at(-1)]).toEqual([401, 429]);
    for (let i = 0; i < 30; i++) await register(proxy.url);
    const browser = await signedIn(stage.url, ada);
    const { status, body } = await tokensFor(stage.url, browser, await register(stage.url));
    expect([status, typeof body.refresh_token]).toEqual([200, 'string']);
  });
});

describe('a store that is away', () => {
  it('is no guess: nobody is told that they came too often', async () => {
    const stage = await openAuthStage({ limits: { failures: 3 } });
    try {
      const ada = await stage.user(stage.acme, 'ada');
      const { recall, read } = stage.keystore;
      const away = async () => {
        throw new TielineError('store_unavailable', 'the store is away', { retryAfter: 1 });
      };
      Object.assign(stage.keystore, { recall: away, read: away });
      const statuses = new Set<number>();
      for (let i = 0; i < 8; i++) {
        statuses.add((await stage.request('GET', '/organization', { as: stage.acme })).status);
        statuses.add((await stage.post(ada.token, { jsonrpc: '2.0', id: 1, method: 'ping' })).status);
      }
      expect([...statuses]).toEqual([503]);
      Object.assign(stage.keystore, { recall, read });
      expect((await stage.request('GET', '/organization', { as: stage.acme })).status).toBe(200);
    } finally {
      await stage.close();
    }
  });
});

describe('wrong secrets for a user', () => {
  let stage: McpStage;
  let eve: { identifier: string; secret: string };
  let known: Browser;

  beforeAll(async () => {
    stage = await openAuthStage({ limits: { failures: 3 } });
    eve = await stage.user(stage.acme, 'eve');
    known = await signedIn(stage.url, eve);
  });
  afterAll(() => stage.close());

  const guess = async (): Promise<number> => {
    const browser = new Browser(stage.url);
    const form = await browser.open('/sign-in');
    return (await browser.submit(form, { identifier: 'eve', secret: `sk-user-${Math.random()}` })).status;
  };

  it('are held up, each longer, and close neither the browser that is known nor the API', async () => {
    const took: number[] = [];
    for (let i = 0; i < 6; i++) {
      const start = performance.now();
      expect(await guess()).toBe(401);
      took.push(performance.now() - start);
    }
    // 250 and 500 ms more than the first ones.
    expect(took[5]).toBeGreaterThan(490);
    // So many at once that nobody else may wait.
    const crowd = Array.from({ length: 12 }, guess);
    const form = await known.open('/sign-in');
    const shown = await known.submit(form, { identifier: 'eve', secret: eve.secret });
    expect(shown.status).toBe(200);
    const body = { identifier: 'eve', secret: eve.secret };
    expect((await stage.request('POST', '/auth/token', { as: stage.acme, body })).status).toBe(200);
    const statuses = await Promise.all(crowd);
    expect(statuses.filter((it) => it === 429).length).toBeGreaterThan(0);
    expect(statuses.every((it) => it === 401 || it === 429)).toBe(true);
  });

  it('do not close the right one in another browser, nor the sign-in of others', async () => {
    const [fresh, other] = [new Browser(stage.url), new Browser(stage.url)];
    const ada = await stage.user(stage.acme, 'ada');
    const hers = await other.submit(await other.open('/sign-in'), { identifier: 'ada', secret: ada.secret });
    const shown = await fresh.submit(await fresh.open('/sign-in'), { identifier: 'eve', secret: eve.secret });
    expect([hers.status, shown.status]).toEqual([200, 200]);
  });

  it('are looked at by the API again and again, unless they are the same', async () => {
    const login = async (secret: string) =>
      (await stage.request('POST', '/auth/token', { as: stage.acme, body: { identifier: 'eve', secret } })).status;
    const same = [];
    for (let i = 0; i < 5; i++) same.push(await login('sk-user-the-same'));
    expect(same).toEqual([401, 401, 401, 429, 429]);
    for (let i = 0; i < 5; i++) expect(await login(`sk-user-${i}`)).toBe(401);
    expect(await login(eve.secret)).toBe(200);
  });
});
