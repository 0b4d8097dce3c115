import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { connectHttp, nameOf, ways } from './httpclient.ts';
import { answerOwner, type McpStage, modern, openMcpStage } from './httpstage.ts';

let stage: McpStage;
let ada: { id: string; token: string };
beforeAll(async () => {
  stage = await openMcpStage();
  ada = await stage.linked('ada');
});
afterAll(() => stage.close());

const waysTo = ways.map((how) => ({ how, name: nameOf(how) }));

describe.each(waysTo)('the client $name', ({ how }) => {
  it('lists the tools of the user', async () => {
    const client = await connectHttp(stage.url, how, ada);
    const { tools, ttlMs, cacheScope } = await client.tools();
    const own = tools.filter((it) => !it.name.startsWith('integrations_'));
    expect(own.map((it) => it.name)).toEqual(['sample_things_create', 'sample_things_each', 'sample_things_get']);
    expect(JSON.stringify(own[0]?.inputSchema.properties?.integration)).toContain('main (default)');
    if (client.era === '2026-07-28') expect({ ttlMs, cacheScope }).toEqual({ ttlMs: 300_000, cacheScope: 'private' });
    await client.close();
  });

  it('is promised notices of changes only where they can reach it', async () => {
    const client = await connectHttp(stage.url, how, ada);
    expect(client.declared.tools).toEqual(client.era === '2026-07-28' ? { listChanged: true } : {});
    await client.close();
  });

  it('calls a tool as the account of the user, and reads what goes wrong', async () => {
    const client = await connectHttp(stage.url, how, ada);
    const answer = await client.call('sample_things_get');
    expect(answer.structuredContent).toMatchObject({
      data: { owner: 'ada' },
      meta: { integration: 'main' },
    });
    const wrong = await client.call('sample_things_get', { integration: 'other' });
    expect(wrong.isError).toBe(true);
    expect(wrong.structuredContent.error?.code).toBe('integration_unknown');
    await expect(client.call('sample_things_nothing')).rejects.toThrow('Unknown tool');
    await client.close();
  });

  it('makes a call under a key once', async () => {
    const client = await connectHttp(stage.url, how, ada);
    stage.provider.answer(({ headers }) => ({ body: { made: stage.provider.seen.length, by: headers.authorization } }));
    const written = () => stage.provider.seen.filter((it) => it.method === 'POST').length;
    const before = written();
    const make = (key: string) => client.call('sample_things_create', {}, { key });
    const first = await make(`a-${nameOf(how)}`);
    expect(first.isError).toBeFalsy();
    expect((await make(`a-${nameOf(how)}`)).structuredContent).toEqual(first.structuredContent);
    expect(written()).toBe(before + 1);
    expect((await make(`b-${nameOf(how)}`)).structuredContent).not.toEqual(first.structuredContent);
    stage.provider.answer(answerOwner);
    await client.close();
  });

  it('is told how far a call is', async () => {
    const client = await connectHttp(stage.url, how, ada);
    const seen: number[] = [];
    await client.call('sample_things_each', {}, { onprogress: ({ progress }) => void seen.push(progress) });
    expect(seen).toEqual([1, 2, 3]);
    await client.close();
  });
});

describe('what is no message', () => {
  const json = { 'content-type': 'application/json' };
  it.each<[string, string, Record<string, string>, number]>([
    ['no JSON', '{', json, 400],
    ['nothing', '', json, 400],
    ['null', 'null', json, 400],
    ['a number', '1', json, 400],
    ['text', '{}', { 'content-type': 'text/plain' }, 415],
    ['more than the server takes', JSON.stringify('x'.repeat(9 * 1024 * 1024)), json, 413],
    ['a call without a name', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":null}', json, 400],
  ])('is refused: %s', async (_, body, headers, status) => {
    const answer = await stage.post(ada.token, body, headers);
    expect(answer.status).toBe(status);
    expect(await answer.text()).not.toMatch(/ at .*\.[jt]s/);
  });

  it.each(['GET', 'DELETE'])('is answered as the protocol wants it: %s', async (method) => {
    const headers = { authorization: `Bearer ${ada.token}`, accept: 'text/event-stream' };
    expect((await fetch(`${stage.url}/mcp`, { method, headers })).status).toBe(405);
    expect((await fetch(`${stage.url}/mcp`, { method })).status).toBe(401);
  });
});

describe('a canceled call', () => {
  it('ends the request at the provider, where the client closes its stream', async () => {
    const client = await connectHttp(stage.url, { pin: '2026-07-28' }, ada);
    const canceling = new AbortController();
    const provider = stage.provider;
    const closed = new Promise<unknown>((resolve) => {
      provider.answer((_, response) => {
        resolve(once(response, 'close'));
        canceling.abort();
        return undefined;
      });
    });
    await expect(client.call('sample_things_get', {}, { signal: canceling.signal })).rejects.toThrow();
    await closed;
    await vi.waitFor(() => expect(stage.audit.at(-1)?.outcome).toBe('canceled'));
    provider.answer(answerOwner);
    await client.close();
  });
});

describe('many at once', () => {
  it('each get their own answer, whatever the ids of their requests', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `user${index}`);
    const users = await Promise.all(names.map((it) => stage.linked(it)));
    const calls = users.flatMap(({ token }, user) =>
      Array.from({ length: 10 }, async (_, id) => {
        const [message, headers] = modern(id, 'tools/call', { name: 'sample_things_get' });
        const answer = await stage.post(token, message, headers);
        return { user, id, body: (await answer.json()) as { id: number; result: { structuredContent: object } } };
      }),
    );
    for (const { user, id, body } of await Promise.all(calls)) {
      expect(body.id).toBe(id);
      expect(body.result.structuredContent).toMatchObject({ data: { owner: `user${user}` } });
    }
  });
});

describe('changes of the tools', () => {
  it('have so many streams for a user, which end in order with the server', async () => {
    const small = await openMcpStage();
    const user = await small.linked('ada');
    const who = await small.principal('ada');
    const listen = (id: number) => {
      const [message, headers] = modern(id, 'subscriptions/listen', { notifications: { toolsListChanged: true } });
      return small.post(user.token, message, headers);
    };
    const open = await Promise.all(Array.from({ length: 16 }, (_, id) => listen(id)));
    expect(small.mcp.openStreams(who)).toBe(16);
    expect((await listen(16)).status).toBe(429);
    const arrived = new Promise<() => void>((resolve) => {
      small.provider.answer(
        (request) => new Promise((answer) => resolve(() => answer(answerOwner(request, null as never)))),
      );
    });
    const [message, headers] = modern(99, 'tools/call', { name: 'sample_things_get' });
    const call = small.post(user.token, message, headers);
    const answer = await arrived;
    await small.mcp.endStreams();
    const texts = await Promise.all(open.map((it) => it.text()));
    for (const text of texts) expect(text).toContain('"resultType":"complete"');
    expect((await listen(17)).status).toBe(503);
    // A call that is under way is finished first.
    answer();
    expect(await (await call).text()).toContain('"owner":"ada"');
    await small.close();
  });

  it('are told to the streams of the user, and of nobody else', async () => {
    const [grace, eve] = [await stage.linked('grace'), await stage.linked('eve')];
    const [hers, others] = await Promise.all(
      [grace, eve].map((it) => connectHttp(stage.url, { pin: '2026-07-28' }, it)),
    );
    const who = await stage.principal('grace');
    await vi.waitFor(() => expect(stage.mcp.openStreams(who)).toBe(1));
    await stage.link('grace', 'second');
    await vi.waitFor(() => expect(hers?.changes()).toBe(1));
    expect(others?.changes()).toBe(0);
    await hers?.close();
    await others?.close();
    await vi.waitFor(() => expect(stage.mcp.openStreams(who)).toBe(0));
  });
});
