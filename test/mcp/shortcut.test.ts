import { getEventListeners, once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { disconnectAccount } from '../../src/execute/revoke.ts';
import { agentLink } from '../../src/http/connect/agentlink.ts';
import type { Principal } from '../../src/integration/principal.ts';
import { returnController, takeController } from '../../src/mcp/cancellation.ts';
import { until } from '../e2e/program.ts';
import { alice, bob, type Handler, openStage, type Provider, type Stage, startProvider } from '../execute/stage.ts';
import { ENVELOPE, OPENS_URLS, parityConnectors } from './paritycases.ts';
import { connectStdio, type StdioConnection } from './paritystdio.ts';

let provider: Provider;
let stage: Stage;
const connections: StdioConnection[] = [];

beforeAll(async () => {
  provider = await startProvider();
});
beforeEach(async () => {
  provider.answer(() => ({ body: { a: 1 } }));
  stage = await openStage(parityConnectors(provider));
  await stage.link('sample');
});
afterEach(async () => {
  await Promise.all(connections.splice(0).map((it) => it.close()));
  await stage.close();
});
afterAll(() => provider.close());

/** With the short way, and without it. */
const ways = [{ isShort: true }, { isShort: false }];

function connect(isShort = true, who: Principal = alice): StdioConnection {
  const { engine } = stage;
  const connection = connectStdio(engine, who, {
    isShort,
    link: (of, wanted) => agentLink({ engine, url: 'http://tieline.test' }, of, { ...wanted, requires: 'session' }),
  });
  connections.push(connection);
  return connection;
}

const request = (id: unknown, method: string, params: object = {}) => ({ jsonrpc: '2.0', id, method, params });
const list = (id: unknown) => request(id, 'tools/list');
const call = (id: unknown, name = 'sample_things_get', args = {}) =>
  request(id, 'tools/call', { name, arguments: args });
const modern = (it: ReturnType<typeof request>, meta: object = ENVELOPE) => ({
  ...it,
  params: { ...it.params, _meta: meta },
});

describe('what is learned', () => {
  it('is what the SDK has answered with a result: a refusal teaches nothing', async () => {
    const connection = connect();
    await connection.initialize('2025-11-25', OPENS_URLS);
    for (const id of [1, 2]) expect(await connection.ask(call(id, 'spare_things_get'))).toContain('-32042');
    expect(connection.taken()).toBe(0);
    await connection.ask(list(3));
    expect(await connection.ask(call(4, 'spare_things_get'))).toContain('-32042');
    expect(connection.taken()).toBe(1);
  });

  it('is each `_meta` by itself', async () => {
    const connection = connect();
    const one = modern(list(1));
    const other = modern(list(2), { ...ENVELOPE, 'example.com/x': 1 });
    const wrong = modern(list(3), { ...ENVELOPE, 'io.modelcontextprotocol/clientCapabilities': [] });
    for (const [message, taken] of [
      [one, 0],
      [one, 1],
      [other, 1],
      [other, 2],
      [wrong, 2],
      [wrong, 2],
    ] as const) {
      await connection.ask(message);
      expect(connection.taken()).toBe(taken);
    }
    expect(await connection.ask(wrong)).toContain('-32602');
  });

  it.each(ways)('is forgotten when the client begins anew: $isShort', async ({ isShort }) => {
    const connection = connect(isShort);
    await connection.initialize('2025-11-25');
    await connection.ask(list(1));
    expect(await connection.ask(call(2, 'spare_things_get'))).toContain('Ask the user to open this address');
    await connection.initialize('2025-11-25', OPENS_URLS);
    for (const id of [3, 4]) expect(await connection.ask(call(id, 'spare_things_get'))).toContain('-32042');
    await connection.ask(list(5));
    expect(await connection.ask(call(6, 'spare_things_get'))).toContain('-32042');
    await connection.initialize('2025-11-25');
    await connection.ask(list(7));
    expect(await connection.ask(call(8, 'spare_things_get'))).toContain('Ask the user to open this address');
  });

  it.each(ways)('is not what was asked before the client began: $isShort', async ({ isShort }) => {
    const connection = connect(isShort);
    const params = { protocolVersion: '2025-11-25', capabilities: OPENS_URLS, clientInfo: { name: 'x', version: '1' } };
    // Together, so that the list is answered when the client has told of itself.
    connection.write([list(1), request('a', 'initialize', params)].map((it) => `${JSON.stringify(it)}\n`).join(''));
    await until(() => connection.lines().length === 2);
    for (const id of [2, 3]) expect(await connection.ask(call(id, 'spare_things_get'))).toContain('-32042');
  });
});

describe('what is answered', () => {
  it('is as the accounts are then', async () => {
    const connection = connect();
    await connection.ask(modern(list(1)));
    expect(await connection.ask(modern(call(2)))).toContain('"integration":"main"');
    await stage.link('sample', { identifier: 'other', input: { token: 'another-token-0123456789' } });
    expect(await connection.ask(modern(list(3)))).toContain('main (default), other');
    await disconnectAccount(stage.engine, alice, stage.engine.catalog.connector('sample'), 'main');
    expect(await connection.ask(modern(call(4)))).toContain('"integration":"other"');
    expect(await connection.ask(modern(call(5, undefined, { integration: 'main' })))).toContain('integration_unknown');
    expect(connection.taken()).toBe(4);
  });

  it.each(ways)('is for whom the connection is, and what they may: $isShort', async ({ isShort }) => {
    const reader = connect(isShort, { ...alice, scopes: new Set(['read']) });
    const tools = await reader.ask(list(1));
    expect(tools).toContain('sample_things_get');
    expect(tools).not.toMatch(/sample_things_create|integrations_connect/);
    expect(await reader.ask(list(2))).toBe(tools.replace('"id":1', '"id":2'));
    expect(await reader.ask(call(3, 'sample_things_create'))).toContain('policy_denied');
    expect(await reader.ask(call(4, 'integrations_connect', { connector: 'spare' }))).toContain('policy_denied');
    const stranger = connect(isShort, bob);
    await stranger.ask(list(1));
    expect(await stranger.ask(call(2))).toContain('integration_required');
  });

  it('is each request by its id, however many there are', async () => {
    const connection = connect();
    await connection.ask(modern(list('first')));
    const ids = Array.from({ length: 40 }, (_, i) => (i % 2 ? i : String(i)));
    const answers = await Promise.all(ids.map((id) => connection.ask(modern(call(id)))));
    expect(answers.map((it) => JSON.parse(it).id)).toEqual(ids);
    expect(connection.taken()).toBe(40);
  });
});

describe('a call under way', () => {
  /** What the provider sees of the call, which it does not answer. */
  function holding(): { readonly arrived: Promise<void>; readonly gone: Promise<unknown> } {
    let gone: Promise<unknown> = Promise.resolve();
    const arrived = new Promise<void>((resolve) => {
      provider.answer((_, response) => {
        gone = once(response, 'close');
        resolve();
        return undefined;
      });
    });
    return { arrived, gone: arrived.then(() => gone) };
  }

  it.each(ways)('ends without an answer when it is canceled: $isShort', async ({ isShort }) => {
    const connection = connect(isShort);
    await connection.ask(modern(list(1)));
    const { arrived, gone } = holding();
    void connection.ask(modern(call(2)));
    await arrived;
    connection.write('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"2"}}\n');
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 2, _meta: ENVELOPE } };
    connection.write(`${JSON.stringify(cancel)}\n`);
    await gone;
    provider.answer(() => ({ body: {} }));
    await connection.ask(modern(call(3)));
    await connection.ask(modern(call(4)));
    expect(connection.lines().map((it) => JSON.parse(it).id)).toEqual([1, 3, 4]);
    expect(connection.taken()).toBe(isShort ? 4 : 0);
  });

  it.each(ways)('ends with the connection: $isShort', async ({ isShort }) => {
    const connection = connect(isShort);
    await connection.ask(modern(list(1)));
    const { arrived, gone } = holding();
    void connection.ask(modern(call(2)));
    await arrived;
    await connection.close();
    await gone;
    expect(connection.lines()).toHaveLength(1);
  });

  it('leaves nobody behind who listens to the signal that the next call gets', async () => {
    const connection = connect();
    await connection.ask(modern(list(1)));
    const answers: Handler[] = [
      () => ({ body: {} }),
      () => ({ status: 500, body: {} }),
      () => ({ status: 429, headers: { 'retry-after': '7200' }, body: {} }),
      () => ({ text: 'x'.repeat(1_000_000) }),
      (_, response) => void response.destroy(),
      (_, response) => void response.writeHead(200, { 'content-length': '9' }).write('x', () => response.destroy()),
    ];
    for (const answer of answers) {
      provider.answer(answer);
      await connection.ask(modern(call(2, 'sample_things_create')));
      const next = takeController();
      expect(getEventListeners(next.signal, 'abort')).toEqual([]);
      returnController(next);
    }
    expect(connection.taken()).toBe(answers.length);
  });

  it.each([
    [42, true],
    ['x', true],
    [null, true],
    [{}, true],
    [{ method: 1 }, true],
    [{ method: 'notifications/cancelled', params: null }, false],
  ])('is not touched by %j', async (message, isRefused) => {
    const connection = connect();
    await connection.ask(modern(list(1)));
    connection.write(`${JSON.stringify(message)}\n`);
    expect(await connection.ask(modern(call(2)))).toContain('"result"');
    const refusals = connection.lines().filter((it) => JSON.parse(it).id === null);
    expect([connection.lines().length, refusals.length]).toEqual(isRefused ? [3, 1] : [2, 0]);
  });
});
