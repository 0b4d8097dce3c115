import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestRule } from '../../src/connector/actionspec.ts';
import { planRequest } from '../../src/connector/plan.ts';
import { isTielineError } from '../../src/errors.ts';
import { buildRequest } from '../../src/execute/request.ts';
import {
  type Arrived,
  connectorOf,
  openStage,
  type Provider,
  reading,
  type Stage,
  startProvider,
  things,
} from '../execute/stage.ts';

/** CVE-2026-32871: arguments that were put into a URL as they came led anywhere. */
const piece = fc.constantFrom(
  ...[
    '..',
    '.',
    '/',
    '//',
    '\\',
    '%2e%2e',
    '%2E',
    '%2f',
    '%5c',
    '%00',
    '%',
    '@',
    ':',
    '?',
    '#',
    '&',
    '=',
    ';',
    '+',
    ' ',
  ],
  ...['\r\n', '\r', '\n', '\0', '\t', '\u007f', '\u0085', '\u2028', '\u202e', '\ud800', '\udfff', 'ü', '🎉', '\ufeff'],
  ...[
    'http://evil.example',
    '//evil.example',
    '@evil.example',
    'X-Evil: 1',
    '\r\nX-Evil: 1\r\n',
    ': 1',
    '"',
    "'",
    '<',
    '{{ args.it }}',
  ],
  ...[
    'HTTP/1.1',
    ' HTTP/1.1\r\nHost: evil.example\r\n\r\nGET /evil',
    '--',
    'Content-Length: 0',
    '0\r\n\r\n',
    'a',
    'A1',
  ],
);
const text = fc.oneof(
  { weight: 4, arbitrary: fc.array(piece, { maxLength: 6 }).map((it) => it.join('')) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
);
const hostile = fc.oneof(
  { weight: 6, arbitrary: text },
  { weight: 1, arbitrary: fc.array(text, { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom<unknown>(null, true, 0, -1, 1e300, Number.NaN, {}, { a: 1 }, [[]], '') },
);

const it_ = '{{ args.it }}';

describe('5,000 hostile arguments', () => {
  const rules = [
    { path: `/things/${it_}` },
    { path: `/things/${it_}/end` },
    { path: `/things/a${it_}.json` },
    { path: `/things/${it_}/${it_}`, query: { it: it_ } },
    { path: '/things/x', query: { it: it_, more: `a${it_}b` } },
    { path: '/things/x', headers: { 'x-it': it_ }, method: 'POST', json: { it: it_ } },
    { path: '/things/x', method: 'POST', form: { it: it_ } },
  ].map((it) => planRequest(requestRule.parse(it)));
  const server = connectorOf({ server: { baseUrl: 'https://api.example.com/v1' } }).server();

  it('leave origin, path and number of headers as they are, or are refused', () => {
    fc.assert(
      fc.property(hostile, fc.constantFrom(...rules), (argument, plan) => {
        try {
          const { url, headers } = buildRequest({ plan, server, scope: { args: { it: argument } } });
          expect(url.origin).toBe('https://api.example.com');
          expect(url.pathname).toMatch(/^\/v1\/things\/[^?#\\]+$/);
          // As a lenient server would read it: nothing in it leads up, not even decoded once.
          expect(url.pathname.split('/').map(once)).not.toContain('..');
          expect([url.username, url.password, url.hash]).toEqual(['', '', '']);
          const known = ['accept', 'user-agent', 'content-type', 'x-it'];
          expect(known).toEqual(expect.arrayContaining(Object.keys(headers)));
        } catch (error) {
          if (!isTielineError(error)) throw error;
          expect(error.code).toBe('arguments_invalid');
        }
      }),
      { numRuns: 5_000 },
    );
  });

  const once = (segment: string): string => segment.replace(/%2e/gi, '.');
});

describe('at a real provider', () => {
  let provider: Provider;
  let stage: Stage;

  beforeAll(async () => {
    provider = await startProvider();
    const params = { type: 'object', properties: { it: {} } };
    const send = (request: object) => ({ ...reading, params, request: { method: 'POST', ...request } });
    const entities = things({
      path: send({ path: `/things/${it_}` }),
      query: send({ path: '/things/x', query: { it: it_ } }),
      header: send({ path: '/things/x', headers: { 'x-it': it_ } }),
      json: send({ path: '/things/x', json: { it: it_ } }),
      form: send({ path: '/things/x', form: { it: it_ } }),
      file: send({
        path: '/things/x',
        multipart: [{ name: 'file', file: "{{ ({ name: args.it, mimeType: args.it, text: 'x' }) }}" }],
      }),
    });
    stage = await openStage([connectorOf({ server: { baseUrl: `${provider.origin}/v1` }, entities })]);
    await stage.link('sample');
  });

  afterAll(async () => {
    await stage.close();
    await provider.close();
  });

  const USUAL = ['host', 'connection', 'accept', 'accept-encoding', 'user-agent', 'authorization'];
  const OWN: Readonly<Record<string, readonly string[]>> = {
    path: ['content-length'],
    query: ['content-length'],
    header: ['content-length', 'x-it'],
    json: ['content-length', 'content-type'],
    form: ['content-length', 'content-type'],
    file: ['content-length', 'content-type', 'transfer-encoding'],
  };

  /** What arrived besides the one request with the headers it should have; empty when all is well. */
  function smuggled(action: string, arrived: readonly Arrived[]): string[] {
    const allowed = [...USUAL, ...(OWN[action] ?? [])];
    return arrived.flatMap(({ rawHeaders, path, method }, i) => {
      const names = rawHeaders.filter((_, at) => at % 2 === 0).map((it) => it.toLowerCase());
      const extra = names.filter((it, at) => !allowed.includes(it) || names.indexOf(it) !== at);
      const isRight =
        i === 0 && method === 'POST' && /^\/v1\/things\/[^#?]/.test(path) && !/\/\.{1,2}(?:[/?]|$)/.test(path);
      return [...extra, ...(isRight ? [] : [`${method} ${path}`])];
    });
  }

  it('no other header, path or request arrives, and text arrives as it was', async () => {
    const actions = fc.constantFrom(...Object.keys(OWN));
    await fc.assert(
      fc.asyncProperty(hostile, actions, async (argument, action) => {
        provider.seen.length = 0;
        try {
          await stage.call(`things.${action}`, { it: argument });
        } catch (error) {
          if (!isTielineError(error)) throw error;
          expect(error.code).toBe('arguments_invalid');
          expect(provider.seen).toEqual([]);
          return;
        }
        expect(smuggled(action, provider.seen)).toEqual([]);
        expect(provider.seen).toHaveLength(1);
        const [arrived] = provider.seen;
        if (typeof argument !== 'string' || !arrived) return;
        const wellFormed = Buffer.from(argument).toString();
        const body = arrived.body.toString();
        if (action === 'path') expect(decodeURIComponent(arrived.path)).toBe(`/v1/things/${argument}`);
        if (action === 'query') expect(arrived.url.searchParams.get('it')).toBe(wellFormed);
        if (action === 'json') expect(JSON.parse(body)).toEqual({ it: argument });
        if (action === 'form') expect(new URLSearchParams(body).get('it')).toBe(wellFormed);
        // Lines end where HTTP says, not at U+2028, and the part's own headers end at the first empty one.
        const head = body.split('\r\n\r\n', 1)[0] ?? '';
        if (action === 'file') expect(head.split(/\r\n?|\n/).filter((it) => /^[\w-]+:/.test(it))).toHaveLength(2);
      }),
      { numRuns: 800 },
    );
  });

  it.each(['a\r\nX-Evil: 1', 'a\nX-Evil: 1', 'a\r', 'a\0', '日本', '\u2028'])(
    'refuses %j in a header',
    async (value) => {
      provider.seen.length = 0;
      await expect(stage.call('things.header', { it: value })).rejects.toMatchObject({ code: 'arguments_invalid' });
      expect(provider.seen).toEqual([]);
    },
  );
});
