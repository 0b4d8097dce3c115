import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openStream } from '../../src/execute/stream.ts';
import { connectorOf, failureOf, openStage, type Provider, reading, startProvider, things } from './stage.ts';

let provider: Provider;

beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());
beforeEach(() => {
  provider.seen.length = 0;
});

const TYPE = { 'content-type': 'text/event-stream; charset=utf-8' };

/** Answers with these pieces, each written by itself, and ends unless told to stay open. */
function answerWith(pieces: readonly (string | Uint8Array)[], { open = false, headers = TYPE as object } = {}) {
  const held: ServerResponse[] = [];
  provider.answer(async (_, response) => {
    response.writeHead(200, { ...headers });
    for (const piece of pieces) await new Promise<void>((done) => void response.write(piece, () => done()));
    if (open) held.push(response);
    else response.end();
    return undefined;
  });
  return held;
}

async function stageOf(request: Record<string, unknown> = {}, server: Record<string, unknown> = {}) {
  const connector = connectorOf({
    server: { baseUrl: provider.origin, ...server },
    entities: things({ get: { ...reading, request: { path: '/thing', stream: true, ...request } } }),
  });
  const stage = await openStage([connector]);
  onTestFinished(() => stage.close());
  await stage.link('sample');
  return stage;
}

const DONE = "{{ event.data === '[DONE]' }}";

describe('a stream of events', () => {
  it('is read as a list, with data that is JSON parsed', async () => {
    answerWith([
      ': hello\n\nevent: start\nid: 7\ndata: {"a":',
      ' [1]}\n\ndata: two\ndata: lines\n\nda',
      'ta: 5\r\n\r\nretry: 10\n\ndata:\n\ndata: never ended',
    ]);
    const stage = await stageOf();
    expect((await stage.call('things.get')).data).toEqual([
      { event: 'start', id: '7', data: { a: [1] } },
      { event: 'message', data: 'two\nlines' },
      { event: 'message', data: 5 },
      { event: 'message', data: '' },
    ]);
    expect(provider.seen[0]?.headers).toMatchObject({
      accept: expect.stringMatching(/^text\/event-stream/),
      'accept-encoding': 'identity',
    });
  });

  it('ends with the event that `until` tells, and the connection with it', async () => {
    const [held] = [answerWith(['data: 1\n\ndata: [DO', 'NE]\n\ndata: more\n\n'], { open: true })];
    const stage = await stageOf({ until: DONE });
    expect((await stage.call('things.get')).data).toEqual([
      { event: 'message', data: 1 },
      { event: 'message', data: '[DONE]' },
    ]);
    await expect.poll(() => held[0]?.destroyed).toBe(true);
  });

  it('tells each event as it comes', async () => {
    const told: unknown[][] = [];
    answerWith(['data: 1\n\n', 'data: 2\n\ndata: 3\n\n']);
    await (await stageOf()).call('things.get', {}, { onProgress: (...it) => told.push(it) });
    expect(told).toEqual([
      [1, undefined, '1 event'],
      [2, undefined, '2 events'],
      [3, undefined, '3 events'],
    ]);
  });

  it('is read to the last event also when it came compressed', async () => {
    answerWith([gzipSync('data: 1\n\ndata: [DONE]\n\ndata: 2\n\n')], {
      headers: { ...TYPE, 'content-encoding': 'gzip' },
    });
    expect((await (await stageOf({ until: DONE })).call('things.get')).data).toHaveLength(2);
  });

  it('is bounded as every answer is', async () => {
    answerWith([`data: ${'x'.repeat(3_000)}\n\n`], { open: true });
    const stage = await stageOf({}, { maxResponse: '2KB' });
    expect((await failureOf(stage.call('things.get'))).code).toBe('response_too_large');
  });

  it('ends the call when the expression for the last event fails', async () => {
    answerWith(['data: 1\n\n'], { open: true });
    const stage = await stageOf({ until: '{{ event.data.map((it) => it) }}' });
    expect((await failureOf(stage.call('things.get'))).code).toBe('expression_failed');
  });

  it.each([
    ['none of it', [''], TYPE, []],
    ['other data', ['{"a": 1}'], { 'content-type': 'application/json' }, { a: 1 }],
  ])('is what the answer says: %s', async (_, pieces, headers, expected) => {
    answerWith(pieces, { headers });
    expect((await (await stageOf()).call('things.get')).data).toEqual(expected);
  });

  it('is text where the definition does not ask for events', async () => {
    answerWith(['data: 1\n\n']);
    expect((await (await stageOf({ stream: false })).call('things.get')).data).toBe('data: 1\n\n');
  });

  it('is a failure where the status is one', async () => {
    provider.answer(() => ({ status: 422, headers: TYPE, text: 'data: 1\n\n' }));
    const told: number[] = [];
    const call = (await stageOf()).call('things.get', {}, { onProgress: (done) => told.push(done) });
    expect([(await failureOf(call)).code, told]).toEqual(['upstream_rejected', []]);
  });

  it('may be the answer to a token request', async () => {
    const events = 'data: wait\n\nevent: token\ndata: {"token": "streamed-token"}\n\n';
    provider.answer(({ path }) => (path === '/login' ? { headers: TYPE, text: events } : { body: { ok: true } }));
    const request = {
      path: '/login',
      form: { a: '{{ null }}' },
      includeEmpty: true,
      stream: true,
      until: '{{ event.data.token }}',
    };
    const outputs = { token: '{{ body.at(-1).data.token }}' };
    const connector = connectorOf({
      server: { baseUrl: provider.origin },
      auth: { options: { it: { title: 'It', type: 'token_request', request, outputs } } },
    });
    const stage = await openStage([connector]);
    onTestFinished(() => stage.close());
    await stage.link('sample', { input: {} });
    await stage.call('things.get');
    expect(`${provider.seen[0]?.body}`).toBe('a=');
    expect(provider.seen.at(-1)?.headers.authorization).toBe('Bearer streamed-token');
  });
});

describe('openStream', () => {
  it('gives the same whatever pieces the answer comes in', () => {
    const text = 'id: 1\ndata: ü€😀\n\nevent: a\r\ndata: {"b": [null]}\r\n\r\ndata: x\n\ndata: end\n\ndata: late\n\n';
    const bytes = new TextEncoder().encode(text);
    const whole = openStream().read(text);
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(bytes.length)), fc.boolean(), (cuts, stops) => {
        const seen: unknown[] = [];
        const isLast = (it: { data: unknown }) => it.data === 'end';
        const stream = openStream({ ...(stops && { isLast }), onEvent: (it) => seen.push(it) });
        const ends = [...cuts.toSorted((a, b) => a - b), bytes.length];
        const stopped = ends.some((end, i) => stream.take(bytes.subarray(ends[i - 1] ?? 0, end)));
        expect(stopped).toBe(stops);
        const expected = stops ? whole.slice(0, 4) : whole;
        expect(seen).toEqual(expected);
        expect(stream.read(text)).toEqual(expected);
      }),
    );
  });
});
