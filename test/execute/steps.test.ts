import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  connectorOf,
  failureOf,
  openStage,
  type Provider,
  reading,
  type Stage,
  startProvider,
  things,
} from './stage.ts';

const retry = { attempts: 1 };
const params = { type: 'object', properties: { id: { type: 'string' }, ids: { type: 'array', items: {} } } };

let provider: Provider;
let stage: Stage;

beforeAll(async () => {
  provider = await startProvider();
});

async function open(actions: Record<string, unknown>, more: Record<string, unknown> = {}): Promise<void> {
  stage = await openStage([
    connectorOf({ server: { baseUrl: provider.origin }, retry, entities: things(actions), ...more }),
  ]);
  await stage.link('sample');
  provider.seen.length = 0;
}

beforeEach(() => {
  provider.answer(({ path }) => ({ body: { path } }));
});

afterEach(() => stage.close());
afterAll(() => provider.close());

const paths = () => provider.seen.map((it) => `${it.method} ${it.path}`);

describe('steps', () => {
  it('run in order, each with the answers before it', async () => {
    const steps = [
      { id: 'first', request: { path: '/a' } },
      { id: 'second', request: { path: '/b', query: { from: '{{ steps.first.body.path }}' } } },
    ];
    const value = { all: '{{ [steps.first.body.path, steps.second.body.path] }}', last: '{{ response.body.path }}' };
    await open({ get: { ...reading, steps, result: { value } } });
    expect((await stage.call('things.get')).data).toEqual({ all: ['/a', '/b?from=%2Fa'], last: '/b?from=%2Fa' });
    expect(paths()).toEqual(['GET /a', 'GET /b?from=%2Fa']);
  });

  it.each([
    ['x', ['GET /x', 'GET /end']],
    ['', ['GET /end']],
    [undefined, ['GET /end']],
  ])('are left out unless their condition holds: %j', async (id, expected) => {
    const steps = [
      { id: 'maybe', when: '{{ args.id }}', request: { path: '/{{ args.id }}' } },
      { id: 'end', request: { path: '/end' } },
    ];
    await open({ get: { ...reading, params, steps, result: { value: '{{ steps.maybe ? 1 : 0 }}' } } });
    const { data } = await stage.call('things.get', id === undefined ? {} : { id });
    expect(paths()).toEqual(expected);
    expect(data).toBe(expected.length - 1);
  });

  it('see the account before anything was sent', async () => {
    const steps = [
      { id: 'maybe', when: "{{ input.token == 'sample-token-0123456789' }}", request: { path: '/seen' } },
      { id: 'end', request: { path: '/end' } },
    ];
    await open({ get: { ...reading, steps } });
    await stage.call('things.get');
    expect(paths()).toEqual(['GET /seen', 'GET /end']);
  });

  it('may fail when they are optional', async () => {
    const request = { path: '/gone' };
    const end = { id: 'end', request: { path: '/end' } };
    const result = { value: '{{ steps.it?.body.path ?? null }}' };
    await open({
      get: { ...reading, steps: [{ id: 'it', request, optional: true }, end], result },
      need: { ...reading, steps: [{ id: 'it', request }, end], result },
    });
    provider.answer(({ path }) => ({ status: path === '/gone' ? 404 : 200 }));
    expect((await stage.call('things.get')).data).toBeNull();
    expect(paths()).toEqual(['GET /gone', 'GET /end']);
    expect((await failureOf(stage.call('things.need'))).code).toBe('not_found');
    expect(paths()).toHaveLength(3);
  });

  it('of which none applies are a mistake of the definition', async () => {
    await open({ get: { ...reading, steps: [{ id: 'it', when: '{{ false }}', request: { path: '/' } }] } });
    expect((await failureOf(stage.call('things.get'))).code).toBe('definition_invalid');
  });

  it('are told apart by their method: those that look up are sent again, the write is not', async () => {
    const steps = ['HEAD', 'GET', 'POST'].map((method) => ({
      id: method.toLowerCase(),
      request: { method, path: `/${method}` },
    }));
    await open(
      { create: { ...reading, effect: 'create', steps } },
      { retry: { attempts: 2, backoff: { initial: '1ms', max: '1ms' } } },
    );
    let failing = '';
    provider.answer(({ path }) => {
      const isNew = failing !== path;
      failing = path;
      return { status: isNew ? 503 : 200 };
    });
    expect((await failureOf(stage.call('things.create'))).code).toBe('outcome_unknown');
    expect(paths()).toEqual(['HEAD /HEAD', 'HEAD /HEAD', 'GET /GET', 'GET /GET', 'POST /POST']);
  });

  it('build a mail', async () => {
    const steps = [
      { id: 'mail', mime: { to: '{{ args.id }}', subject: 'Hi', text: 'Hello' } },
      { id: 'send', request: { method: 'POST', path: '/send', json: { raw: '{{ steps.mail.base64url }}' } } },
    ];
    await open({ send: { ...reading, effect: 'create', params, steps } });
    await stage.call('things.send', { id: 'a@b.example' });
    const { raw } = JSON.parse(String(provider.seen[0]?.body));
    expect(Buffer.from(raw, 'base64url').toString()).toMatch(/^To: a@b\.example\r\nSubject: Hi\r\n/);
    const error = await failureOf(stage.call('things.send', { id: 'a@b.example\r\nBcc: c@d.example' }));
    expect(error.code).toBe('arguments_invalid');
    expect(provider.seen).toHaveLength(1);
  });
});

describe('a fan-out', () => {
  const list = (more: object = {}) => ({
    list: {
      ...reading,
      params,
      request: { path: '/list' },
      expand: { over: '{{ response.body.ids }}', concurrency: 3, request: { path: '/item/{{ item }}' }, ...more },
      result: { records: '{{ expanded }}' },
    },
  });

  /** Answers the items out of their order, and counts how many are under way. */
  function answerItems(ids: readonly unknown[], statusOf: (id: number) => number = () => 200): { most: number } {
    const load = { now: 0, most: 0 };
    provider.answer(async ({ path }) => {
      if (path === '/list') return { body: { ids } };
      const id = Number(path.split('/').at(-1));
      load.now += 1;
      load.most = Math.max(load.most, load.now);
      await new Promise((resolve) => setTimeout(resolve, (id * 7) % 11));
      load.now -= 1;
      return { status: statusOf(id), body: { id } };
    });
    return load;
  }

  const ids = (count: number) => Array.from({ length: count }, (_, i) => i);

  it('gives the items in their order, a few at a time, and says how far it is', async () => {
    await open(list());
    const load = answerItems(ids(20));
    const steps: unknown[] = [];
    const { data } = await stage.call('things.list', {}, { onProgress: (...step) => steps.push(step) });
    expect(data).toEqual(ids(20).map((id) => ({ id })));
    expect(load.most).toBe(3);
    expect(steps).toEqual(ids(20).map((i) => [i + 1, 20, 'things.list']));
  });

  it('leaves out what is gone meanwhile', async () => {
    await open(list());
    answerItems(ids(6), (id) => (id % 2 ? 404 : 200));
    const progress: number[] = [];
    const { data } = await stage.call('things.list', {}, { onProgress: (done) => progress.push(done) });
    expect(data).toEqual([{ id: 0 }, { id: 2 }, { id: 4 }]);
    expect(progress).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('fails with the first failure, and asks no further', async () => {
    await open(list({ max: 100 }));
    answerItems(ids(100), (id) => (id === 4 ? 403 : 200));
    expect((await failureOf(stage.call('things.list'))).code).toBe('forbidden');
    const sent = provider.seen.length;
    expect(sent).toBeLessThan(20);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(provider.seen.length - sent).toBeLessThanOrEqual(2); // those under way
  });

  it('expands no more than it may', async () => {
    await open(list({ max: 4 }));
    answerItems(ids(9));
    expect((await stage.call('things.list')).data).toEqual(ids(4).map((id) => ({ id })));
  });

  it('of nothing asks nothing', async () => {
    await open(list());
    answerItems([]);
    expect((await stage.call('things.list')).data).toEqual([]);
    expect(provider.seen).toHaveLength(1);
  });

  it.each(['text', { a: 1 }, 7])('cannot be over %j', async (ids) => {
    await open(list());
    provider.answer(() => ({ body: { ids } }));
    expect((await failureOf(stage.call('things.list'))).code).toBe('upstream_invalid');
  });

  it.each(['..', '', {}, null])('refuses the item %j of the provider', async (id) => {
    await open(list());
    provider.answer(() => ({ body: { ids: [id] } }));
    expect((await failureOf(stage.call('things.list'))).code).toBe('arguments_invalid');
    expect(provider.seen).toHaveLength(1);
  });

  it('counts what the provider listed, so that a gone item ends no paging', async () => {
    const paged = list().list;
    await open({
      list: {
        ...paged,
        paginate: { kind: 'offset', send: { name: 'offset' }, limit: { name: 'limit', default: 2, max: 10 } },
      },
    });
    const all = ids(7);
    provider.answer(({ path, url }) => {
      const from = Number(url.searchParams.get('offset') ?? 0);
      if (path.startsWith('/list')) return { body: { ids: all.slice(from, from + 2) } };
      const id = Number(path.split('/').at(-1));
      return { status: id % 2 ? 404 : 200, body: { id } };
    });
    const given: unknown[] = [];
    let cursor: string | undefined;
    do {
      const { data, meta } = await stage.call('things.list', cursor === undefined ? {} : { cursor });
      given.push(...(data as unknown[]));
      cursor = meta.page?.cursor;
    } while (cursor !== undefined);
    expect(given).toEqual([{ id: 0 }, { id: 2 }, { id: 4 }, { id: 6 }]);
  });
});
