import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isTielineError } from '../../src/errors.ts';
import { resultAnswer } from '../../src/mcp/answer.ts';
import {
  connectorOf,
  failureOf,
  openStage,
  type Provider,
  reading,
  type Stage,
  startProvider,
  things,
} from '../execute/stage.ts';

let provider: Provider;
let stage: Stage;

const request = { path: '/thing' };
const ACTIONS = ['get', 'spread', 'computed', 'list', 'fan'];

beforeAll(async () => {
  provider = await startProvider();
  const entities = things({
    get: { ...reading, request },
    spread: { ...reading, request, result: { value: { a: '{{ response.body }}', b: '{{ response.body?.a?.b }}' } } },
    computed: { ...reading, request, result: { value: '{{ [response.body, Object.keys(response.body ?? {})] }}' } },
    list: {
      ...reading,
      request,
      result: { records: '{{ [response.body] }}', each: { it: '{{ item }}', ...{ x: 1 } } },
    },
    fan: {
      ...reading,
      request,
      expand: { over: '{{ [1, 2] }}', request },
      result: { value: '{{ expanded }}' },
    },
  });
  stage = await openStage([connectorOf({ server: { baseUrl: provider.origin }, retry: { attempts: 1 }, entities })]);
  await stage.link('sample');
});

afterAll(async () => {
  await stage.close();
  await provider.close();
});

afterEach(async () => {
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  provider.answer(() => ({ body: { fine: true } }));
  expect((await stage.call('things.get')).data).toEqual({ fine: true });
});

const answerWith = (text: string | Uint8Array, status = 200) =>
  provider.answer(() => ({ status, headers: { 'content-type': 'application/json' }, text }));

const nested = (depth: number, open = '[', close = ']') => open.repeat(depth) + close.repeat(depth);

describe('hostile JSON', () => {
  it.each(ACTIONS)('that is 100,000 levels deep is an error of the provider: %s', async (action) => {
    for (const text of [nested(100_000), `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`]) {
      answerWith(text);
      const error = await failureOf(stage.call(`things.${action}`));
      expect(error).toMatchObject({
        code: 'upstream_invalid',
        message: expect.stringContaining('JSON that cannot be read'),
      });
      answerWith(text, 400);
      expect((await failureOf(stage.call(`things.${action}`))).code).toBe('upstream_rejected');
    }
  });

  it('that is as deep as may be is data, all the way', async () => {
    answerWith(nested(128));
    for (const action of ACTIONS) {
      const answer = resultAnswer(await stage.call(`things.${action}`));
      expect(JSON.stringify(answer).length).toBeGreaterThan(2 * 128);
    }
    answerWith(nested(129));
    expect((await failureOf(stage.call('things.get'))).code).toBe('upstream_invalid');
  });

  it.each(['__proto__', 'constructor', 'prototype'])('with a key %s changes nothing but its own data', async (key) => {
    const text = `{"${key}":{"polluted":true,"prototype":{"polluted":true}},"a":{"${key}":{"polluted":true}}}`;
    answerWith(text);
    for (const action of ACTIONS) {
      const answer = resultAnswer(await stage.call(`things.${action}`));
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
      expect(JSON.stringify(answer.structuredContent)).toContain(`"${key}":{"polluted":true`);
    }
    answerWith(text, 400);
    expect((await failureOf(stage.call('things.get'))).code).toBe('upstream_rejected');
  });

  it.each([
    ['a huge number', '{"a":1e999}'],
    ['a long number', `{"a":${'9'.repeat(10_000)}}`],
    ['duplicate keys', '{"a":1,"a":2}'],
    ['lone surrogates', '{"a":"\\ud800","\\udfff":1}'],
    ['NUL and control characters', '{"a":"\\u0000\\u001b"}'],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0x61, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['many keys', `{${Array.from({ length: 3_000 }, (_, i) => `"k${i}":${i}`).join()}}`],
    ['toJSON', '{"toJSON":"x","then":1,"valueOf":null}'],
    ['an empty object', '{}'],
    ['null', 'null'],
  ])('with %s is data', async (_, text) => {
    answerWith(text);
    for (const action of ACTIONS) {
      const { structuredContent } = resultAnswer(await stage.call(`things.${action}`));
      expect(() => JSON.parse(JSON.stringify(structuredContent))).not.toThrow();
    }
  });

  it('is data or an error that a caller can act on, whatever it is', async () => {
    const broken = fc
      .tuple(fc.json({ maxDepth: 4 }), fc.nat(), fc.string({ unit: 'binary', maxLength: 2 }))
      .map(([text, at, junk]) => text.slice(0, at % (text.length + 1)) + junk + text.slice(at % (text.length + 1)));
    const bytes = fc.uint8Array({ maxLength: 40 });
    const statuses = fc.constantFrom(200, 201, 204, 400, 401, 404, 429, 500);
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(broken, bytes, fc.json()),
        statuses,
        fc.constantFrom(...ACTIONS),
        async (text, status, action) => {
          answerWith(status === 204 ? '' : text, status);
          try {
            expect(resultAnswer(await stage.call(`things.${action}`)).content).toHaveLength(1);
          } catch (error) {
            if (!isTielineError(error)) throw error;
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
