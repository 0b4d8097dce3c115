import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Provider, startProvider } from '../execute/stage.ts';
import { modern } from '../mcp/httpstage.ts';
import { writeDefinition } from './desk.ts';
import { type Home, makeHome } from './home.ts';
import { type Ended, until } from './program.ts';
import { type Served, serveHome } from './serve.ts';

/** What an operator's machine gives a service to end by itself, before it kills it. */
const GRACE = 10_000;

let provider: Provider;
let home: Home;
let served: Served;
let token: string;
let integration: string;

/** An API whose actions are answered when the test says so, and whose tokens come from there as well. */
beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());

beforeEach(async () => {
  provider.answer(() => ({ body: { access_token: 'token-0123456789', ok: true } }));
  provider.seen.length = 0;
  home = await makeHome({ hosts: [provider.host] });
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
    entities: { things: { title: 'Things', actions: { get: action('/thing') } } },
  };
  await writeDefinition(home.definitions, 'slow', JSON.stringify(definition));
  served = await serveHome(home);
  ({ token } = await served.user('ada'));
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
function hold(path: string): { readonly arrived: () => boolean; give(): void } {
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
  return { arrived: () => count > 0, give };
}

/** Asks the server to end, and kills it when it has not ended in time. */
async function end(): Promise<Ended> {
  const { child, ended } = served.server;
  child.kill('SIGTERM');
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

  it('does not wait for clients that keep their connection', async () => {
    await Promise.all(Array.from({ length: 4 }, byRest));
    expect(await end()).toMatchObject(BY_ITSELF);
  });
});
