import { getEventListeners, once } from 'node:events';
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

const request = { path: '/thing' };
/** Waits the longest there is, so that a test which does not cancel would not end. */
const patient = { retry: { waitFrom: [{ header: 'retry-after', format: 'seconds' }] } };

let provider: Provider;
let stage: Stage;

beforeAll(async () => {
  provider = await startProvider();
});

beforeEach(async () => {
  const entities = things({
    get: { ...reading, ...patient, request },
    create: { ...reading, effect: 'create', request: { ...request, method: 'POST' } },
    optional: {
      ...reading,
      steps: [
        { id: 'a', request, optional: true },
        { id: 'b', request },
      ],
    },
  });
  stage = await openStage([connectorOf({ server: { baseUrl: provider.origin }, entities })]);
  await stage.link('sample');
  provider.seen.length = 0;
});

afterEach(() => stage.close());
afterAll(() => provider.close());

describe('a canceled call', () => {
  it.each(['get', 'create', 'optional'])('ends the request at the provider: %s', async (action) => {
    const canceling = new AbortController();
    const closed = new Promise<unknown>((resolve) => {
      provider.answer((_, response) => {
        resolve(once(response, 'close'));
        canceling.abort();
        return undefined;
      });
    });
    const error = await failureOf(stage.call(`things.${action}`, {}, { signal: canceling.signal }));
    // Of a write nobody knows whether it was done.
    const code = action === 'create' ? 'outcome_unknown' : 'canceled';
    expect(error.code).toBe(code);
    await closed;
    expect(provider.seen).toHaveLength(1);
    expect(stage.audit.at(-1)?.outcome).toBe(code);
  });

  it('does not wait for its next try', async () => {
    const canceling = new AbortController();
    provider.answer((_, response) => {
      // Behind the answer, so that the call has it and is waiting.
      response.on('close', () => setTimeout(() => canceling.abort(), 50));
      return { status: 429, headers: { 'retry-after': '19', connection: 'close' } };
    });
    const error = await failureOf(stage.call('things.get', {}, { signal: canceling.signal }));
    expect(error.code).toBe('canceled');
    expect(provider.seen).toHaveLength(1);
  }, 10_000); // less than the wait

  it('sends nothing when it was canceled before', async () => {
    const error = await failureOf(stage.call('things.get', {}, { signal: AbortSignal.abort() }));
    expect(error.code).toBe('canceled');
    expect(provider.seen).toEqual([]);
  });

  it('leaves no listener behind', async () => {
    const { signal } = new AbortController();
    provider.answer(() => (provider.seen.length < 2 ? { status: 429, headers: { 'retry-after': '0' } } : { body: {} }));
    await stage.call('things.get', {}, { signal });
    expect(provider.seen).toHaveLength(2);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});
