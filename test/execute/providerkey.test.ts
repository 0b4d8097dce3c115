import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { providerKeys } from '../../src/execute/providerkey.ts';
import {
  type Arrived,
  connectorOf,
  failureOf,
  openStage,
  type Provider,
  type Reply,
  reading,
  type Stage,
  startProvider,
  things,
} from './stage.ts';

const UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;

let provider: Provider;
let stage: Stage;
/** What was written, by the key it came under. */
const written = new Map<string, number>();
let count = 0;

const keyOf = ({ headers }: Arrived) => String(headers['x-request-key'] ?? '');
const keys = () => provider.seen.filter((it) => it.method !== 'GET').map(keyOf);

/** Does what comes under one key once. With these in turn in place of the answer: `reset` after it was done, or a status. */
function answerWith(...instead: readonly ('reset' | number | Reply)[]): void {
  let turn = 0;
  provider.answer((request, response) => {
    const next = request.method === 'GET' ? undefined : instead[turn++];
    if (typeof next === 'number') return { status: next };
    if (typeof next === 'object') return next;
    const key = keyOf(request);
    const made = written.get(key) ?? ++count;
    if (request.method !== 'GET') written.set(key, made);
    if (next !== 'reset') return { body: { made } };
    response.socket?.resetAndDestroy();
    return undefined;
  });
}

beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());

beforeEach(async () => {
  const post = { method: 'POST', path: '/thing', json: { a: 1 } };
  const retry = { backoff: { initial: '1ms', max: '5ms' } };
  const entities = things({
    create: { ...reading, effect: 'create', request: post },
    update: { ...reading, effect: 'update', request: post },
    put: { ...reading, effect: 'idempotent', request: { ...post, method: 'PUT' } },
    get: { ...reading, request: { path: '/thing' } },
    both: {
      ...reading,
      effect: 'create',
      steps: [
        { id: 'first', request: { path: '/thing' } },
        { id: 'second', request: post },
        { id: 'third', request: post },
      ],
    },
  });
  const parts = { server: { baseUrl: provider.origin }, entities, retry, idempotency: { header: 'X-Request-Key' } };
  stage = await openStage([connectorOf(parts)]);
  await stage.link('sample');
  provider.seen.length = 0;
  written.clear();
});
afterEach(() => stage.close());

describe('a write that the provider knows by its key', () => {
  it.each(['create', 'update'])('is sent again when its answer is lost, and done once: %s', async (action) => {
    for (const loss of ['reset', 502, 503, 504] as const) {
      answerWith(loss);
      provider.seen.length = 0;
      written.clear();
      expect((await stage.call(`things.${action}`)).data).toEqual({ made: count });
      expect(keys()).toHaveLength(2);
      expect(written.size).toBe(1);
      expect(new Set(keys()).size).toBe(1);
      expect(keys()[0]).toMatch(UUID);
    }
  });

  it('has a key for itself in each call without one, and one for each that it makes', async () => {
    answerWith();
    await stage.call('things.create');
    await stage.call('things.create');
    await stage.call('things.both');
    expect(keys()).toHaveLength(4);
    expect(new Set(keys()).size).toBe(4);
  });

  it('has none where it is the same twice, or reads', async () => {
    answerWith();
    for (const action of ['put', 'get']) await stage.call(`things.${action}`);
    expect(provider.seen.map(keyOf)).toEqual(['', '']);
  });

  it('has the same key under the same key of the caller', async () => {
    answerWith(429, 429, 429);
    const call = { idempotencyKey: 'order-1' };
    expect((await failureOf(stage.call('things.create', {}, call))).code).toBe('rate_limited');
    answerWith();
    await stage.call('things.create', {}, call);
    expect(keys()).toHaveLength(4);
    expect(new Set(keys()).size).toBe(1);
    await stage.call('things.create', {}, { idempotencyKey: 'order-2' });
    expect(new Set(keys()).size).toBe(2);
  });

  it('has an unknown outcome when it was lost, whatever is said of it later', async () => {
    for (const then of ['reset', 400, 401, 404, 409, 429, 500] as const) {
      answerWith('reset', ...Array<typeof then>(9).fill(then));
      provider.seen.length = 0;
      const key = { idempotencyKey: `lost-${then}` };
      for (let i = 0; i < 2; i++) {
        const failure = await failureOf(stage.call('things.create', {}, key));
        expect([then, failure.code]).toEqual([then, 'outcome_unknown']);
      }
      expect(new Set(keys()).size).toBe(1);
    }
  });

  it('waits for the first when the provider is still at it', async () => {
    answerWith('reset', 409);
    expect((await stage.call('things.create')).data).toEqual({ made: count });
    expect(keys()).toHaveLength(3);
  });

  it('is in conflict with something else when that is the first answer', async () => {
    answerWith(409);
    expect((await failureOf(stage.call('things.create'))).code).toBe('conflict');
    answerWith({ status: 429, headers: { 'retry-after': '0' } }, 409);
    expect((await failureOf(stage.call('things.create'))).code).toBe('conflict');
    expect(keys()).toHaveLength(3);
  });
});

it('tells keys of others, of other accounts, tools and steps apart', () => {
  const writing = { caller: ['acme', 'ada'], account: 'a', tool: 't', key: 'k' };
  const all = [
    writing,
    { ...writing, caller: ['acme', 'bob'] },
    { ...writing, caller: ['acm', 'eada'] },
    { ...writing, account: 'b' },
    { ...writing, tool: 'u' },
    { ...writing, key: 'l' },
    { ...writing, key: undefined },
  ].flatMap((it) => [0, 1].map(providerKeys(it)));
  expect(new Set(all).size).toBe(14);
  expect(providerKeys(writing)(1)).toBe(all[1]);
});
