import { beforeAll, describe, expect, it } from 'vitest';
import type { Connector } from '../../src/connector/connector.ts';
import { rehearse } from '../../src/execute/rehearse.ts';
import { replay } from '../../src/execute/replay.ts';
import type { HttpRequest, HttpResponse } from '../../src/network/send.ts';
import { connectorOf, reading, sandboxConnector, things } from './stage.ts';

let sandbox: Connector;

beforeAll(async () => {
  sandbox = await sandboxConnector();
});

const answer =
  (body: unknown, status = 200) =>
  ({ url }: HttpRequest): HttpResponse => ({
    status,
    headers: { 'content-type': 'application/json' },
    bytes: Buffer.from(JSON.stringify(body)),
    url,
  });

describe('rehearse', () => {
  const credentials = { accessToken: 'rehearsed-token' };

  it('shows the requests of a call and what it would give', async () => {
    const args = { title: 'A', labels: ['x'] };
    const { requests, result } = await rehearse(
      sandbox,
      { entity: 'tickets', action: 'create', args, credentials, app: { baseUrl: 'http://desk.example' } },
      answer({ id: 'tkt_1' }),
    );
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({ method: 'POST', headers: { authorization: 'Bearer rehearsed-token' } });
    expect(requests[0]?.url.href).toBe('http://desk.example/api/v1/tickets');
    expect(JSON.parse(String(requests[0]?.body))).toEqual({ title: 'A', priority: 'normal', labels: ['x'] });
    expect(result).toEqual({ outcome: { data: { id: 'tkt_1' }, meta: { integration: 'rehearsal' } } });
  });

  it('uses what the user would have typed', async () => {
    const { requests } = await rehearse(
      sandbox,
      {
        entity: 'profile',
        action: 'get',
        args: {},
        option: 'key',
        input: { apiKey: 'k-1', base_url: 'https://other.example' },
      },
      answer({}),
    );
    expect(requests[0]?.url.href).toBe('https://other.example/api/v1/me');
    expect(requests[0]?.headers['x-api-key']).toBe('k-1');
  });

  it.each([
    ['wrong arguments', { action: 'create', args: {} }, 'arguments_invalid', 0],
    ['no such action', { action: 'burn', args: {} }, 'action_unknown', 0],
    ['a refusal', { action: 'list', args: {} }, 'forbidden', 1],
  ])('gives the failure of %s', async (_, call, code, sent) => {
    const { requests, result } = await rehearse(sandbox, { entity: 'tickets', credentials, ...call }, answer({}, 403));
    expect(result).toMatchObject({ error: { code } });
    expect(requests).toHaveLength(sent);
  });

  it('lets a slip of whoever answers through', async () => {
    const slip = () => {
      throw new RangeError('slip');
    };
    const call = { entity: 'tickets', action: 'list', args: {}, credentials };
    await expect(rehearse(sandbox, call, slip)).rejects.toThrow('slip');
  });
});

describe('replay', () => {
  it('finds nothing wrong with the examples of the sandbox', async () => {
    const { tests } = sandbox.definition;
    expect(tests.length).toBeGreaterThan(3);
    for (const example of tests) expect(await replay(sandbox, example), example.name).toEqual([]);
  });

  const example = {
    name: 'one thing',
    call: 'things.create',
    args: { id: 'a', note: 'n' },
    credentials: { token: 'replayed-token' },
    exchanges: [
      {
        request: {
          method: 'POST',
          url: 'https://api.example.com/things/a?x=1&y=2',
          headers: { Authorization: 'Bearer replayed-token' },
          json: { note: 'n' },
        },
        respond: { json: { id: 'a', extra: true } },
      },
    ],
    data: { id: 'a' },
  };
  const action = {
    ...reading,
    effect: 'create',
    params: { type: 'object', properties: { id: { type: 'string' }, note: { type: 'string' } } },
    request: {
      method: 'POST',
      path: '/things/{{ args.id }}',
      query: { y: '2', x: '1' },
      json: { note: '{{ args.note }}' },
    },
    result: { value: { id: '{{ response.body.id }}' } },
  };

  async function problemsOf(change: (example: typeof action & Record<string, unknown>) => object, more: object = {}) {
    const connector = connectorOf({
      server: { baseUrl: 'https://api.example.com' },
      entities: things({ create: change(action) }),
      tests: [{ ...example, ...more }],
    });
    const [first] = connector.definition.tests;
    if (!first) throw new Error('no example');
    return replay(connector, first);
  }

  it('finds nothing wrong where all comes out as recorded', async () => {
    expect(await problemsOf((it) => it)).toEqual([]);
  });

  it.each<[string, (it: typeof action) => object, object, RegExp[]]>([
    [
      'another method',
      (it) => ({ ...it, request: { ...it.request, method: 'PUT' } }),
      {},
      [/^method is "PUT", not "POST"/],
    ],
    [
      'another address',
      (it) => ({ ...it, request: { ...it.request, path: '/x' } }),
      {},
      [/^url is "https:\/\/api\.example\.com\/x/],
    ],
    ['another query', (it) => ({ ...it, request: { ...it.request, query: {} } }), {}, [/^url is/]],
    ['another header', (it) => it, { credentials: { token: 'other-token' } }, [/^header Authorization is/]],
    ['another body', (it) => ({ ...it, request: { ...it.request, json: {} } }), {}, [/^json is \{\}/]],
    ['another result', (it) => ({ ...it, result: undefined }), {}, [/^data is \{"id":"a","extra":true\}/]],
    ['another page', (it) => it, { hasMore: true }, [/^hasMore is undefined/]],
    ['a failure not meant', (it) => it, { args: {} }, [/requests were not made/, /^failed with arguments_invalid/]],
    ['a success not meant', (it) => it, { error: 'not_found' }, [/^did not fail with not_found/]],
    ['another failure', (it) => it, { args: {}, error: 'not_found' }, [/not made/, /^failed with arguments_invalid/]],
    [
      'a request too many',
      (it) => ({
        ...it,
        request: undefined,
        steps: [
          { id: 'a', request: it.request },
          { id: 'b', request: it.request },
        ],
      }),
      {},
      [/^an unexpected request: POST/, /^failed with outcome_unknown/],
    ],
    [
      'a request too few',
      (it) => it,
      { exchanges: [...example.exchanges, ...example.exchanges] },
      [/^1 of 2 requests/],
    ],
  ])('finds %s', async (_, change, more, problems) => {
    expect(await problemsOf(change, more)).toEqual(problems.map((it) => expect.stringMatching(it)));
  });

  it('accepts the failure that is meant', async () => {
    const exchanges = [{ ...example.exchanges[0], respond: { status: 404, json: {} } }];
    expect(await problemsOf((it) => it, { exchanges, data: undefined, error: 'not_found' })).toEqual([]);
  });

  it.each([
    ['the text', 'note=n', true],
    ['a pattern', '/^note=\\w$/', true],
    ['another text', 'note', false],
    ['another pattern', '/^x/', false],
  ])('compares a body with %s', async (_, text, fits) => {
    const { json: _json, ...request } = example.exchanges[0]?.request ?? {};
    const exchanges = [{ ...example.exchanges[0], request: { ...request, text } }];
    const form = (it: typeof action) => ({ ...it, request: { ...it.request, json: undefined, form: { note: 'n' } } });
    expect((await problemsOf(form, { exchanges })).length === 0).toBe(fits);
  });

  it('takes the requests of a fan-out in any order', async () => {
    const item = (id: number) => ({
      request: { url: `https://api.example.com/item/${id}` },
      respond: { json: { id } },
    });
    const list = {
      ...reading,
      request: { path: '/list' },
      expand: { over: '{{ response.body }}', request: { path: '/item/{{ item }}' } },
      result: { records: '{{ expanded }}' },
    };
    const exchanges = [
      { request: { url: 'https://api.example.com/list' }, respond: { json: [1, 2, 3] } },
      item(3),
      item(1),
      item(2),
    ];
    const connector = connectorOf({
      server: { baseUrl: 'https://api.example.com' },
      entities: things({ list }),
      tests: [{ ...example, call: 'things.list', args: {}, exchanges, data: [{ id: 1 }, { id: 2 }, { id: 3 }] }],
    });
    for (const it of connector.definition.tests) expect(await replay(connector, it)).toEqual([]);
  });
});
