import { writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Desk, deskDefinition, startDesk, writeDefinition } from '../e2e/desk.ts';
import { type Home, makeHome } from '../e2e/home.ts';
import { until } from '../e2e/program.ts';
import { Wire } from '../e2e/wire.ts';

let home: Home;
let desk: Desk;

beforeAll(async () => {
  desk = await startDesk();
  home = await makeHome({ hosts: [desk.host] });
  await writeDefinition(home.definitions, 'desk', deskDefinition(desk.url));
  await Promise.all([home.connectKey('ada'), home.run(['connect', 'desk'])]);
});

afterAll(async () => {
  await home.close();
  await desk.close();
});

/** What `messages()` throws for a line that is no JSON-RPC message is what these tests are about. */
describe('a session with all that can go wrong', () => {
  let wire: Wire;

  beforeAll(async () => {
    // A library that prints: from within the process, again and again, to where the protocol is.
    const noise = join(home.path, 'noise.mjs');
    await writeFile(
      noise,
      `const print = console.log;
       setInterval(() => {
         if (console.log !== print) for (const say of ['log', 'info', 'debug']) console[say]('noise of', say, { of: 'a library' });
       }, 5).unref();`,
    );
    await writeDefinition(join(home.path, 'more'), 'broken', 'format: 1\nconnector: broken\n  so: [');
    const connectors = [home.definitions, join(home.path, 'more')].join(delimiter);
    const env = { ...home.env, TIELINE_CONNECTORS: connectors, TIELINE_LOG: 'debug' };
    wire = new Wire({ ...env, NODE_OPTIONS: `--import=${noise}` });
  });
  afterAll(() => wire.end());

  it('answers what is no message with an error, and takes the next', async () => {
    wire.write('this is not JSON\n\n{"jsonrpc":"2.0",\n[]\n42\n{"jsonrpc":"1.0","id":"old","method":"ping"}\n\u0000\n');
    expect((await wire.initialize()).result).toMatchObject({
      serverInfo: { name: 'tieline', title: 'Tieline' },
      capabilities: { tools: { listChanged: true } },
    });
  });

  it('answers an unknown method, and wrong parameters, with the codes of JSON-RPC', async () => {
    expect((await wire.request('tools/nothing')).error?.code).toBe(-32601);
    expect((await wire.request('resources/list')).error?.code).toBe(-32601);
    expect((await wire.request('tools/call', { nothing: true })).error?.code).toBe(-32602);
    expect((await wire.request('tools/call', { name: 'desk_self_get', arguments: [] })).error?.code).toBe(-32602);
    expect((await wire.call('toString')).error).toMatchObject({ code: -32602, message: 'Unknown tool: toString' });
    expect((await wire.call('__proto__')).error?.code).toBe(-32602);
  });

  it('takes a text of a megabyte, and refuses it by name where it does not fit', async () => {
    const text = 'x'.repeat(1024 * 1024);
    expect((await wire.call('desk_self_get', { text })).result?.isError).toBeUndefined();
    const refused = await wire.call('desk_self_get', { [text]: 1 });
    expect(refused.result).toMatchObject({
      isError: true,
      structuredContent: { error: { code: 'arguments_invalid' } },
    });
  });

  it('refuses an account that is not named by text', async () => {
    const { result } = await wire.call('sandbox_profile_get', { integration: { identifier: 'ada' } });
    expect(result?.structuredContent).toMatchObject({ error: { code: 'arguments_invalid' } });
  });

  it('tells of progress as often as there was some, in order, before the answer', async () => {
    const params = { name: 'desk_items_list', arguments: {}, _meta: { progressToken: 'p-1' } };
    const answer = await wire.request('tools/call', params);
    const all = wire.messages();
    const told = all.filter((it) => it.method === 'notifications/progress').map((it) => it.params);
    expect(told).toEqual(
      [1, 2, 3, 4, 5, 6].map((progress) => ({ progressToken: 'p-1', progress, total: 6, message: 'items.list' })),
    );
    expect(all.at(-1)).toEqual(answer);
  });

  it('answers many calls at once, each with its own', async () => {
    const ids = Array.from({ length: 50 }, (_, i) =>
      wire.ask('tools/call', { name: i % 2 ? 'desk_self_get' : 'sandbox_profile_get', arguments: {} }),
    );
    const answers = await Promise.all(ids.map((id) => wire.answer(id)));
    const accounts = answers.map((it) => it.result?.structuredContent);
    expect(accounts).toMatchObject(ids.map((_, i) => ({ meta: { integration: i % 2 ? 'default' : 'ada' } })));
  });

  it('does not answer a call that was canceled', async () => {
    const id = wire.ask('tools/call', { name: 'desk_items_wait', arguments: {} });
    await until(() => desk.waiting.open === 1);
    wire.send({ method: 'notifications/cancelled', params: { requestId: id, reason: 'enough' } });
    await until(() => desk.waiting.open === 0);
    await wire.call('desk_self_get');
    expect(wire.messages().some((it) => it.id === id)).toBe(false);
  });

  it('kept everything else off stdout: the noise and the broken definition are in the log, a line each', async () => {
    const messages = wire.messages();
    expect(messages.length).toBeGreaterThan(60);
    const log = wire.running.stderr().split('\n').slice(0, -1);
    for (const say of ['log', 'info', 'debug']) expect(log.some((it) => it.includes(`noise of ${say}`))).toBe(true);
    expect(log.filter((it) => /error .*broken\/connector\.yaml:3:\d+ /.test(it))).toHaveLength(1);
    for (const line of log) expect(line).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z (debug|info|warn|error) /);
    expect(log.join('\n')).not.toContain(home.sandbox.apiKey('ada'));
  });
});

describe('a request before initialize', () => {
  it('is served, as stdio has but one caller', async () => {
    const wire = new Wire(home.env);
    expect((await wire.request('tools/list')).result?.tools).toEqual(expect.any(Array));
    await wire.end();
  });
});

describe('the end', () => {
  const idle = async () => {
    const wire = new Wire(home.env);
    await wire.initialize();
    return wire;
  };

  it('comes with that of stdin, and is a success', async () => {
    const wire = await idle();
    expect(await wire.end()).toMatchObject({ code: 0, signal: null, stderr: '' });
  });

  it('comes when stdin was empty from the start', async () => {
    expect(await home.run(['stdio'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  it('comes when all that was piped in is answered, also a call, and a last line without a break', async () => {
    const meta = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a shell', version: '1' } };
    const lines = [
      { id: 1, method: 'initialize', params: meta },
      { method: 'notifications/initialized' },
      { id: 2, method: 'tools/list' },
      { id: 3, method: 'tools/call', params: { name: 'desk_self_get', arguments: {} } },
      { id: 4, method: 'tools/call', params: { name: 'sandbox_profile_get', arguments: {} } },
      { id: 5, method: 'ping' },
    ].map((it) => JSON.stringify({ jsonrpc: '2.0', ...it }));
    const { code, stdout } = await home.run(['stdio'], { input: lines.join('\n') });
    const answers = stdout
      .split('\n')
      .slice(0, -1)
      .map((it) => JSON.parse(it));
    expect(code).toBe(0);
    expect(answers.map((it) => it.id).sort()).toEqual([1, 2, 3, 4, 5]);
    expect(answers.every((it) => 'result' in it)).toBe(true);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('comes with %s in the middle of a call, which is given up', async (how) => {
    const wire = await idle();
    const gaveUp = desk.waiting.gaveUp;
    wire.ask('tools/call', { name: 'desk_items_wait', arguments: {} });
    await until(() => desk.waiting.open === 1);
    wire.running.child.kill(how);
    expect(await wire.running.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    await until(() => desk.waiting.gaveUp === gaveUp + 1);
    expect(() => wire.messages()).not.toThrow();
  });

  it('of stdin leaves a call its time, and a signal ends it then', async () => {
    const wire = await idle();
    const id = wire.ask('tools/call', { name: 'desk_items_wait', arguments: {} });
    await until(() => desk.waiting.open === 1);
    const ping = wire.ask('ping');
    const ended = wire.end();
    await wire.answer(ping);
    expect([desk.waiting.open, wire.running.child.exitCode]).toEqual([1, null]);
    wire.running.child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(wire.messages().some((it) => it.id === id)).toBe(false);
  });

  it('does not come by a message that has no end', async () => {
    const wire = await idle();
    wire.write(`{"jsonrpc":"2.0","id":1,"method":"${'x'.repeat(11 * 1024 * 1024)}`);
    await until(() => wire.messages().some((it) => it.id === null && it.error?.code === -32_600));
    wire.write('\n');
    expect((await wire.request('ping')).result).toEqual({});
    expect(await wire.end()).toMatchObject({ code: 0, stderr: '' });
  });

  it('does not come from one that was killed: its home goes on', async () => {
    const wire = await idle();
    for (let i = 0; i < 20; i++)
      wire.ask('tools/call', { name: 'sandbox_tickets_create', arguments: { title: `t${i}` } });
    await until(() => wire.messages().length > 3);
    wire.running.child.kill('SIGKILL');
    expect((await wire.running.ended).signal).toBe('SIGKILL');
    const next = await idle();
    const answer = await next.call('sandbox_profile_get');
    expect(answer.result?.structuredContent).toMatchObject({ data: { id: 'ada' }, meta: { integration: 'ada' } });
    expect(await next.end()).toMatchObject({ code: 0 });
  });
});
