import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Provider, startProvider } from '../execute/stage.ts';
import { modern } from '../mcp/httpstage.ts';
import { startBalancer } from './balancer.ts';
import { writeDefinition } from './desk.ts';
import { type Home, makeHome } from './home.ts';
import { type Ended, until } from './program.ts';
import { type Served, serveHome } from './serve.ts';

/** What the machine of these tests is slower by than those that the times are for. */
const GRACE = 20_000;

let provider: Provider;
let home: Home;
let served: Served;
let token: string;
let user: { identifier: string; secret: string };
let integration: string;

/** An API whose actions are answered when the test says so, and whose tokens come from there as well. */
beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());

beforeEach(async () => {
  provider.answer(() => ({ body: { access_token: 'token-0123456789', ok: true } }));
  provider.seen.length = 0;
  home = await makeHome({
    hosts: [provider.host],
    server: { requestsPerMinute: 100_000, drain: { readinessDelay: '1s', timeout: '4s' } },
  });
  const action = (path: string, more: object = {}) => ({
    summary: 'For tests.',
    effect: 'read',
    request: { path },
    ...more,
  });
  const definition = {
    format: 1,
    connector: 'slow',
    version: '1.0.0',
    title: 'Slow',
    summary: 'An API for tests.',
    server: { baseUrl: provider.origin },
    auth: {
      options: {
        login: {
          title: 'Login',
          type: 'token_request',
          request: { method: 'POST', path: '/token' },
          outputs: { token: '{{ body.access_token }}' },
          ttl: '1s',
        },
      },
    },
    entities: {
      things: {
        title: 'Things',
        actions: {
          get: action('/thing'),
          make: action('/make', { effect: 'create', request: { method: 'POST', path: '/make', json: {} } }),
        },
      },
    },
  };
  await writeDefinition(home.definitions, 'slow', JSON.stringify(definition));
  served = await serveHome(home);
  const { token: first, ...known } = await served.user('ada');
  [token, user] = [first, known];
  const body = { connector_type: 'slow', credentials: {} };
  const made = await send('/api/v1/integrations/connectors', body);
  expect(made).toMatchObject({ status: 201 });
  integration = String(made.body.id);
});
afterEach(async () => {
  served.server.child.kill('SIGKILL');
  await served.server.ended;
  await home.close();
});

/** Ends the server, and starts it anew. */
async function again(): Promise<void> {
  served.server.child.kill('SIGKILL');
  await served.server.ended;
  const { clientKey } = served;
  served = await serveHome(home);
  ({ token = '' } = await served.post('/auth/token', clientKey, user));
}

const headersWith = (more: Record<string, string>): Record<string, string> => ({
  authorization: `Bearer ${token}`,
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  ...more,
});

async function send(path: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${served.url}${path}`, {
    method: 'POST',
    headers: headersWith(headers),
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const byMcp = () => {
  const [message, headers] = modern(1, 'tools/call', { name: 'slow_things_get', arguments: {} });
  return send('/mcp', message, headers);
};
const byRest = () =>
  send(`/api/v1/integrations/connectors/${integration}/execute`, { entity: 'things', action: 'get' });

/** From now on requests for this path have no answer before it is given. */
function hold(path: string): { readonly arrived: () => boolean; readonly count: () => number; give(): void } {
  let give = () => {};
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  let count = 0;
  provider.answer(async (request) => {
    if (request.path === path) {
      count++;
      await given;
    }
    return { body: { access_token: 'token-0123456789', ok: true } };
  });
  return { arrived: () => count > 0, count: () => count, give };
}

/** Asks the server to end, and kills it when it has not ended in time. */
async function end(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
  const { child, ended } = served.server;
  child.kill(signal);
  const late = setTimeout(() => child.kill('SIGKILL'), GRACE);
  const how = await ended;
  clearTimeout(late);
  return how;
}

const refused = () =>
  fetch(`${served.url}/healthz`).then(
    () => false,
    () => true,
  );

const BY_ITSELF = { code: 0, signal: null };

describe('tieline serve, asked to end', () => {
  it.each([
    ['MCP', byMcp],
    ['REST', byRest],
  ])('ends a call under way by %s with its answer, and takes no new ones', async (_, call) => {
    const held = hold('/thing');
    const answer = call();
    await until(held.arrived, served.server.stderr);
    const ended = end();
    await until(refused, served.server.stderr);
    held.give();
    expect(JSON.stringify((await answer).body)).toContain('"ok":true');
    expect(await ended).toMatchObject(BY_ITSELF);
  });

  it('ends a stream of changes in order', async () => {
    const [message, headers] = modern(1, 'subscriptions/listen', { notifications: { toolsListChanged: true } });
    const stream = await fetch(`${served.url}/mcp`, {
      method: 'POST',
      headers: headersWith(headers),
      body: JSON.stringify(message),
    });
    expect(stream.headers.get('content-type')).toContain('text/event-stream');
    const text = stream.text();
    expect(await end()).toMatchObject(BY_ITSELF);
    expect(await text).toContain('data: ');
  });

  it('gives up a call that the provider never answers', async () => {
    const held = hold('/thing');
    const failure = byMcp().catch((error: unknown) => error);
    await until(held.arrived, served.server.stderr);
    expect(await end()).toMatchObject(BY_ITSELF);
    await failure;
    held.give();
  });

  it('tells balancers first, and serves meanwhile those that come, who are told to go elsewhere', async () => {
    const ended = end();
    await until(async () => (await fetch(`${served.url}/readyz`)).status === 503);
    expect(await (await fetch(`${served.url}/readyz`)).json()).toEqual({ status: 'draining' });
    const health = await fetch(`${served.url}/healthz`);
    expect([health.status, health.headers.get('connection')]).toEqual([200, 'close']);
    const answers = await Promise.all([byMcp(), byRest()]);
    for (const it of answers) expect(JSON.stringify(it.body)).toContain('"ok":true');
    expect(await ended).toMatchObject(BY_ITSELF);
  });

  it('tells whoever has no time left in a write that it may have been done', async () => {
    const held = hold('/make');
    const [message, headers] = modern(1, 'tools/call', { name: 'slow_things_make', arguments: {} });
    const path = `/api/v1/integrations/connectors/${integration}/execute`;
    const answers = [send('/mcp', message, headers), send(path, { entity: 'things', action: 'make' })];
    await until(() => held.count() === 2, served.server.stderr);
    expect(await end()).toMatchObject(BY_ITSELF);
    for (const it of await Promise.all(answers)) expect(JSON.stringify(it.body)).toContain('outcome_unknown');
    held.give();
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends at once when %s comes again', async (signal) => {
    await home.configure({ drain: { timeout: '10m', readinessDelay: '10m' } });
    await again();
    const held = hold('/make');
    const answer = send(`/api/v1/integrations/connectors/${integration}/execute`, { entity: 'things', action: 'make' });
    await until(held.arrived, served.server.stderr);
    served.server.child.kill(signal);
    await until(() => served.server.stderr().includes('ending'));
    expect(await end(signal)).toMatchObject(BY_ITSELF);
    expect((await answer).body).toMatchObject({ code: 'outcome_unknown' });
    held.give();
  });

  it('resets no connection of clients that ask on and on', async () => {
    const agent = new Agent({ keepAlive: true });
    const failures: string[] = [];
    let count = 0;
    const loop = async () => {
      for (;;) {
        const failure = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
          get(`${served.url}/healthz`, { agent }, (response) =>
            response.resume().on('end', () => resolve(undefined)),
          ).on('error', resolve);
        });
        count++;
        if (!failure) continue;
        failures.push(failure.code ?? failure.message);
        return;
      }
    };
    const loops = Array.from({ length: 4 }, loop);
    await until(() => count > 200);
    expect(await end()).toMatchObject(BY_ITSELF);
    await Promise.all(loops);
    agent.destroy();
    expect(failures).toEqual(Array(4).fill('ECONNREFUSED'));
  });

  it('does not wait for clients that keep their connection', async () => {
    await Promise.all(Array.from({ length: 4 }, byRest));
    expect(await end()).toMatchObject(BY_ITSELF);
  });
});

describe('two servers, restarted one after the other', () => {
  it('fail no call behind a balancer that asks whether they are ready', async () => {
    const servers = [served, await serveHome(home)];
    const balancer = await startBalancer(servers);
    // The token of a user is for the address that gave it.
    const headers = headersWith({ authorization: `Bearer ${served.clientKey}` });
    const failures: unknown[] = [];
    let count = 0;
    let isOver = false;
    const loop = async () => {
      while (!isOver) {
        const path = `${balancer.url}/api/v1/integrations/connectors/${integration}/execute`;
        const body = JSON.stringify({ entity: 'things', action: 'make' });
        const response = await fetch(path, { method: 'POST', headers, body });
        const text = await response.text();
        if (response.status !== 200) failures.push([response.status, text]);
        count++;
      }
    };
    try {
      const loops = Array.from({ length: 4 }, loop);
      await until(() => count > 50);
      for (const index of [0, 1]) {
        const { server } = servers[index] as Served;
        server.child.kill('SIGTERM');
        expect(await server.ended).toMatchObject(BY_ITSELF);
        servers[index] = await serveHome(home);
        const before = count;
        await until(() => count > before + 50);
        // The balancer has to see that it is back before the other one goes.
        await until(async () => (await fetch(`${servers[index]?.url}/readyz`)).status === 200);
      }
      isOver = true;
      await Promise.all(loops);
      expect(failures).toEqual([]);
      const writes = provider.seen.filter((it) => it.path === '/make').length;
      expect(writes).toBe(count);
    } finally {
      isOver = true;
      await balancer.close();
      for (const { server } of servers) {
        server.child.kill('SIGKILL');
        await server.ended;
      }
    }
  });
});

describe('the audit of a server', () => {
  const file = () => join(home.path, 'audit.jsonl');
  const outcomes = async (at = file()) => {
    const lines = (await readFile(at, 'utf8')).split('\n').filter((it) => it !== '');
    return lines.map((it) => JSON.parse(it) as { entity: string; outcome: string });
  };
  const calls = async (at?: string) => (await outcomes(at)).filter((it) => it.entity === 'things').length;

  it('has every call that was answered when the process is killed', async () => {
    let answered = 0;
    const loop = async () => {
      for (;;) {
        const { status } = await byMcp();
        if (status === 200) answered++;
      }
    };
    const loops = Array.from({ length: 8 }, () => loop().catch(() => {}));
    await until(() => answered > 300, served.server.stderr);
    served.server.child.kill('SIGKILL');
    await Promise.all(loops);
    expect(await calls()).toBeGreaterThanOrEqual(answered);
  });

  it('goes on in a new file when the old one was put away, at once after SIGHUP', async () => {
    await byRest();
    const old = `${file()}.1`;
    await rename(file(), old);
    const before = await calls(old);
    served.server.child.kill('SIGHUP');
    await until(async () => {
      await byRest();
      return (await calls().catch(() => 0)) > 0;
    });
    expect(before).toBe(1);
    expect(await end()).toMatchObject(BY_ITSELF);
  });

  it('has calls refused while it cannot be written, where that is wanted', async () => {
    await home.configure({}, { audit: { onFailure: 'refuse' } });
    await again();
    await rm(file(), { force: true });
    await mkdir(file());
    expect(await byRest()).toMatchObject({ status: 503, body: { code: 'audit_unavailable' } });
    expect(provider.seen.filter((it) => it.path === '/thing')).toEqual([]);
    await rm(file(), { recursive: true });
    await until(async () => (await byRest()).status === 200);
    expect(await calls()).toBe(1);
  });
});
