import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tieline } from '../cli/inprocess.ts';
import { connectClient, type McpClient, type Negotiation } from './client.ts';
import { type Desk, deskDefinition, startDesk, writeDefinition } from './desk.ts';
import { type Home, makeHome } from './home.ts';
import { until } from './program.ts';

let home: Home;
let desk: Desk;

beforeAll(async () => {
  desk = await startDesk();
  home = await makeHome({ hosts: [desk.host], tieline });
  await writeDefinition(home.definitions, 'desk', deskDefinition(desk.url));
  await home.connectKey('ada');
  await home.connectKey('grace');
  await home.run(['connect', 'desk']);
});

afterAll(async () => {
  await home.close();
  await desk.close();
});

const WAYS: readonly (readonly [string, Negotiation, string | undefined])[] = [
  ['the v1 client', 'v1', undefined],
  ['the v2 client in the 2025 era', 'legacy', '2025-11-25'],
  ['the v2 client that finds out', 'auto', '2026-07-28'],
  ['the v2 client held to 2026-07-28', { pin: '2026-07-28' }, '2026-07-28'],
];

describe.each(WAYS)('%s', (name, how, era) => {
  let client: McpClient;

  beforeAll(async () => {
    client = await connectClient(how, home.env);
  });
  afterAll(() => client.close());

  it('agrees on the protocol, and is told how to use the tools', () => {
    expect(client.era).toBe(era);
    expect(client.instructions).toContain('`integration`');
  });

  it('makes a call under a key once', async () => {
    const written = () => home.sandbox.observed.apiCalls.filter((it) => it.method === 'POST').length;
    const before = written();
    const make = (title: string) => client.call('sandbox_tickets_create', { title }, { key: `once by ${name}` });
    const first = await make('Once');
    expect(first.structuredContent.data).toMatchObject({ title: 'Once' });
    expect((await make('Once')).structuredContent).toEqual(first.structuredContent);
    expect((await make('Twice')).structuredContent.error?.code).toBe('idempotency_conflict');
    expect(written()).toBe(before + 1);
  });

  it('lists tools in order, each with all that a model needs', async () => {
    const { tools } = await client.tools();
    const names = tools.map((it) => it.name);
    expect(names).toEqual([...new Set(names)].sort());
    expect(names).toEqual(expect.arrayContaining(['sandbox_tickets_list', 'gmail_messages_list', 'desk_items_list']));
    for (const tool of tools.filter((it) => !it.name.startsWith('integrations_'))) {
      expect(tool.name).toMatch(/^[a-z0-9_]{1,48}$/);
      expect(tool.title?.trim()).toBeTruthy();
      expect(tool.description?.trim()).toBeTruthy();
      expect(tool.annotations).toEqual({
        title: tool.title,
        readOnlyHint: expect.any(Boolean),
        destructiveHint: expect.any(Boolean),
        idempotentHint: expect.any(Boolean),
        openWorldHint: true,
      });
      expect(tool.inputSchema).toMatchObject({ type: 'object', properties: { integration: { type: 'string' } } });
    }
    const { properties } = tools.find((it) => it.name === 'sandbox_tickets_list')?.inputSchema ?? {};
    expect(properties?.integration).toMatchObject({ description: expect.stringContaining('ada (default), grace') });
  });

  it('may keep the list for itself for a while, where the era has that', async () => {
    const { ttlMs, cacheScope } = await client.tools();
    if (era === '2026-07-28') expect({ ttlMs, cacheScope }).toEqual({ ttlMs: 300_000, cacheScope: 'private' });
    else expect({ ttlMs, cacheScope }).toEqual({ ttlMs: undefined, cacheScope: undefined });
  });

  it('is refused a page that nobody gave', async () => {
    await expect(client.tools('page-2')).rejects.toMatchObject({ code: -32602 });
  });

  it.each([
    [{}, 'ada'],
    [{ integration: 'grace' }, 'grace'],
  ])('calls with %o as %s, and gets data twice over', async (args, person) => {
    const answer = await client.call('sandbox_profile_get', args);
    expect(answer.isError).toBeFalsy();
    expect(answer.structuredContent).toMatchObject({ data: { id: person }, meta: { integration: person } });
    expect(JSON.parse(answer.content[0]?.text ?? '')).toEqual(answer.structuredContent);
  });

  it.each([
    ['sandbox_profile_get', { integration: 'carol' }, 'integration_unknown'],
    ['sandbox_tickets_get', {}, 'arguments_invalid'],
    ['sandbox_tickets_get', { ticketId: 'no-such-ticket' }, 'not_found'],
    ['sandbox_tickets_list', { cursor: 'invented' }, 'cursor_invalid'],
    ['gmail_messages_list', {}, 'integration_required'],
    ['desk_items_html', {}, 'upstream_invalid'],
  ])('%s with %o answers with a code and a next step', async (name, args, code) => {
    const answer = await client.call(name, args);
    expect(answer.isError).toBe(true);
    expect(answer.structuredContent.error?.code).toBe(code);
    expect(answer.content[0]?.text).toMatch(new RegExp(`^${code}: .+`));
  });

  it('pages with the cursor it was given', async () => {
    const first = await client.call('sandbox_tickets_list', { limit: 2 });
    const cursor = first.structuredContent.meta?.page?.cursor;
    const second = await client.call('sandbox_tickets_list', { limit: 2, cursor });
    const ids = [first, second].flatMap((it) => (it.structuredContent.data as { id: string }[]).map(({ id }) => id));
    expect(new Set(ids).size).toBe(4);
  });

  it('is told that a tool is unknown as a fault of the protocol', async () => {
    await expect(client.call('sandbox_nothing_here')).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining('Unknown tool: sandbox_nothing_here'),
    });
  });

  it('is told of progress when it asks', async () => {
    const seen: number[] = [];
    const answer = await client.call('desk_items_list', {}, { onprogress: ({ progress }) => void seen.push(progress) });
    expect(answer.structuredContent.data).toEqual({ items: [1, 2, 3, 4, 5, 6].map((id) => ({ id })) });
    // The answer may overtake some of them inside the client; test/mcp/stdio.test.ts counts them on the wire.
    expect(seen.length).toBeGreaterThan(0);
    expect(seen).toEqual([1, 2, 3, 4, 5, 6].slice(0, seen.length));
  });

  it('ends the request at the provider when it cancels', async () => {
    const before = desk.waiting.gaveUp;
    const stop = new AbortController();
    const call = client.call('desk_items_wait', {}, { signal: stop.signal });
    const refused = expect(call).rejects.toThrow();
    await until(() => desk.waiting.open === 1);
    stop.abort();
    await refused;
    await until(() => desk.waiting.gaveUp === before + 1);
    expect(desk.waiting.open).toBe(0);
    expect((await client.call('desk_self_get')).isError).toBeFalsy();
  });
});
