import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import {
  connectorOf,
  failureOf,
  openStage,
  type Provider,
  reading,
  type Stage,
  sandboxConnector,
  startProvider,
  things,
} from './stage.ts';

type Page = { ids: string[]; hasMore: boolean };

/** Calls a list until there are no more pages. `limit` goes with each call, or with the first one only. */
async function walk(stage: Stage, pair: string, limit?: number, isRepeated = true): Promise<Page[]> {
  const pages: Page[] = [];
  for (let cursor: string | undefined; pages.length === 0 || cursor; ) {
    if (pages.length > 50) throw new Error('no end');
    const size = limit !== undefined && (isRepeated || pages.length === 0) ? { limit } : {};
    const { data, meta } = await stage.call(pair, { ...size, ...(cursor && { cursor }) });
    pages.push({ ids: (data as { id: string }[]).map((it) => it.id), hasMore: meta.page?.hasMore ?? false });
    cursor = meta.page?.cursor;
    if ((cursor !== undefined) !== meta.page?.hasMore) throw new Error('hasMore and cursor disagree');
  }
  return pages;
}

describe('the lists of the sandbox', () => {
  let sandbox: Sandbox;
  let stage: Stage;

  beforeAll(async () => {
    sandbox = await startSandbox({ callsPerMinute: 10_000 });
    stage = await openStage([await sandboxConnector()], {
      app: { baseUrl: sandbox.url, clientId: '', clientSecret: '' },
    });
    await stage.link('sandbox', { option: 'key', input: { apiKey: sandbox.apiKey('ada') } });
  });

  afterAll(async () => {
    await stage.close();
    await sandbox.close();
  });

  it.each([
    ['tickets.list', 24, undefined, [10, 10, 4]],
    ['tickets.list', 24, 12, [12, 12]],
    ['tickets.list', 24, 100, [24]],
    ['messages.list', 31, undefined, [10, 10, 10, 1]],
    ['messages.list', 31, 31, [31]],
    ['messages.list', 31, 16, [16, 15]],
    ['files.list', 9, undefined, [5, 4]],
    ['files.list', 9, 3, [3, 3, 3]],
  ])('%s give each of their %i records once, by %j', async (pair, count, limit, sizes) => {
    for (const isRepeated of limit === undefined ? [true] : [true, false]) {
      const pages = await walk(stage, pair, limit, isRepeated);
      const ids = pages.flatMap((it) => it.ids);
      expect(pages.map((it) => it.ids.length)).toEqual(sizes);
      expect(new Set(ids).size).toBe(count);
      // Numbers grow with each record, and the newest comes first.
      const numbers = ids.map((it) => Number(it.split('_')[1]));
      expect(numbers).toEqual([...numbers].sort((a, b) => b - a));
    }
  });

  it('refuse a page number with another size of page, and say which it was', async () => {
    const { meta } = await stage.call('messages.list', { limit: 10 });
    const error = await failureOf(stage.call('messages.list', { limit: 20, cursor: meta.page?.cursor }));
    expect(error).toMatchObject({ code: 'cursor_invalid', hint: expect.stringContaining('limit 10') });
  });

  it('take another size of page where the place does not depend on it', async () => {
    const first = await stage.call('tickets.list', { limit: 3 });
    const second = await stage.call('tickets.list', { limit: 5, cursor: first.meta.page?.cursor });
    const ids = [first, second].flatMap((it) => (it.data as { id: string }[]).map(({ id }) => id));
    const [all] = await walk(stage, 'tickets.list', 100);
    expect(ids).toEqual(all?.ids.slice(0, 8));
  });

  it.each([0, -1, 101, 1.5, '10'])('have no page of %j', async (limit) => {
    expect((await failureOf(stage.call('tickets.list', { limit }))).code).toBe('arguments_invalid');
  });
});

describe('a provider', () => {
  let provider: Provider;
  let stage: Stage;

  const records = '{{ response.body.items }}';
  const list = (paginate: object) => ({ ...reading, request: { path: '/list' }, paginate, result: { records } });

  beforeAll(async () => {
    provider = await startProvider();
    const entities = things({
      cursor: list({ kind: 'cursor', send: { name: 'after' }, next: '{{ response.body.next }}' }),
      posted: {
        ...list({ kind: 'cursor', send: { in: 'json', name: 'after' }, next: '{{ response.body.next }}' }),
        request: { method: 'POST', path: '/list' },
      },
      url: list({ kind: 'next_url', next: '{{ response.body.next }}' }),
      link: list({ kind: 'link' }),
    });
    stage = await openStage([connectorOf({ server: { baseUrl: `${provider.origin}/v1` }, entities })]);
    await stage.link('sample');
  });

  afterAll(async () => {
    await stage.close();
    await provider.close();
  });

  it('that repeats its cursor is asked no further', async () => {
    provider.answer(() => ({ body: { items: [{ id: 'a' }], next: 'same' } }));
    expect((await walk(stage, 'things.cursor')).map((it) => it.hasMore)).toEqual([true, false]);
  });

  it('gets the cursor in the body where it wants it', async () => {
    provider.answer(({ body }) => {
      const { after } = JSON.parse(String(body) || '{}');
      return { body: { items: [{ id: after ?? 'first' }], next: after === undefined ? 'second' : null } };
    });
    expect((await walk(stage, 'things.posted')).flatMap((it) => it.ids)).toEqual(['first', 'second']);
  });

  it('may name the next page by a relative address', async () => {
    provider.answer(({ url }) => {
      const page = url.searchParams.get('page');
      const headers: Record<string, string> = page === null ? { link: '<?page=2>; rel="next"' } : {};
      return {
        headers,
        body: { items: [{ id: `${url.pathname} ${page}` }], next: page === null ? 'list?page=2' : null },
      };
    });
    for (const action of ['url', 'link']) {
      const pages = await walk(stage, `things.${action}`);
      expect(pages.flatMap((it) => it.ids)).toEqual(['/v1/list null', '/v1/list 2']);
    }
  });

  it('cannot lead elsewhere by a next page', async () => {
    const elsewhere = await startProvider();
    try {
      for (const next of [
        `${elsewhere.origin}/v1/list`,
        `//${elsewhere.host}/`,
        `http://${provider.host}@${elsewhere.host}/`,
      ]) {
        provider.answer(() => ({ headers: { link: `<${next}>; rel="next"` }, body: { items: [{ id: 'a' }], next } }));
        for (const action of ['url', 'link']) {
          const { meta } = await stage.call(`things.${action}`);
          const error = await failureOf(stage.call(`things.${action}`, { cursor: meta.page?.cursor }));
          expect(error.code).toBe('target_forbidden');
        }
      }
      expect(elsewhere.seen).toEqual([]);
    } finally {
      await elsewhere.close();
    }
  });
});
