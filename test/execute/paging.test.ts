import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { paginationRule } from '../../src/connector/actionspec.ts';
import { type PaginationPlan, planAction } from '../../src/connector/plan.ts';
import { linkTo, nextPosition, type Position, pageParts } from '../../src/execute/paging.ts';
import { connectorOf, reading, things } from './stage.ts';

function planOf(rule: z.input<typeof paginationRule>): PaginationPlan {
  const list = { ...reading, request: { path: '/' }, paginate: rule };
  const action = connectorOf({ server: { baseUrl: 'https://api.example.com' }, entities: things({ list }) }).action(
    'things',
    'list',
  );
  const { pagination } = planAction(action.spec, { pagination: action.pagination, errors: [] });
  if (!pagination) throw new Error('no pagination');
  return pagination;
}

type Answered = { body?: unknown; headers?: Record<string, string>; count?: number };

function next(plan: PaginationPlan, { body = {}, headers = {}, count }: Answered, position?: Position, limit?: number) {
  return nextPosition(plan, { status: 200, headers, body }, {}, { limit, position, count }, undefined);
}

const limit = { name: 'limit', default: 10, max: 50 };
const cursor = planOf({ kind: 'cursor', send: { name: 'after' }, next: '{{ response.body.next }}', limit });
const offset = planOf({ kind: 'offset', send: { name: 'offset' }, total: '{{ response.body.total }}', limit });
const page = planOf({ kind: 'page', send: { name: 'page' }, limit });

describe('what a request for a page carries', () => {
  it.each<[string, PaginationPlan, number | undefined, Position | undefined, object]>([
    ['the first one', cursor, undefined, undefined, { limit: 10 }],
    ['one of a size', cursor, 3, undefined, { limit: 3 }],
    ['one larger than there may be', cursor, 1_000, undefined, { limit: 50 }],
    ['one behind a cursor', cursor, undefined, { cursor: 'c' }, { limit: 10, after: 'c' }],
    ['one behind an offset', offset, 5, { number: 15 }, { limit: 5, offset: 15 }],
    ['the first one by number', page, undefined, undefined, { limit: 10, page: 1 }],
    ['one by number', page, undefined, { number: 4 }, { limit: 10, page: 4 }],
    [
      'one counted from 0',
      planOf({ kind: 'page', send: { name: 'p' }, start: 0, limit }),
      5,
      undefined,
      { limit: 5, p: 0 },
    ],
  ])('is, for %s, a query', (_, plan, limit, position, query) => {
    expect(pageParts(plan, { limit, position })).toEqual({ query, headers: {} });
  });

  it('may stand in the body and in headers', () => {
    const plan = planOf({
      kind: 'cursor',
      send: { in: 'json', name: 'cursor' },
      next: '{{ response.body.next }}',
      limit: { in: 'header', name: 'X-Limit', default: 10, max: 50 },
    });
    expect(pageParts(plan, { limit: undefined, position: { cursor: 'c' } })).toEqual({
      query: {},
      headers: { 'x-limit': '10' },
      json: { cursor: 'c' },
    });
  });

  it('is the address alone where the provider gave one', () => {
    expect(pageParts(cursor, { limit: 3, position: { url: '/next' } })).toEqual({ url: '/next' });
  });
});

describe('the next page', () => {
  it.each([
    ['abc', { cursor: 'abc' }],
    [7, { cursor: '7' }],
    ['', undefined],
    [null, undefined],
    [undefined, undefined],
    [false, undefined],
  ])('after the cursor %j is %j', (value, expected) => {
    expect(next(cursor, { body: { next: value } })).toEqual(expected);
  });

  it('is none when a cursor repeats', () => {
    expect(next(cursor, { body: { next: 'c' } }, { cursor: 'c' })).toBeUndefined();
    expect(next(cursor, { body: { next: 'd' } }, { cursor: 'c' })).toEqual({ cursor: 'd' });
  });

  it('is none when the definition says stop', () => {
    const plan = planOf({
      kind: 'cursor',
      send: { name: 'after' },
      next: '{{ response.body.next }}',
      stop: '{{ response.body.done }}',
    });
    expect(next(plan, { body: { next: 'c', done: true } })).toBeUndefined();
    expect(next(plan, { body: { next: 'c', done: false } })).toEqual({ cursor: 'c' });
  });

  it('is an address that the body or the Link header gives', () => {
    const inBody = planOf({ kind: 'next_url', next: '{{ response.body.next }}' });
    expect(next(inBody, { body: { next: '/p2' } })).toEqual({ url: '/p2' });
    expect(next(inBody, { body: { next: '/p2' } }, { url: '/p2' })).toBeUndefined();
    const inHeader = planOf({ kind: 'link', limit });
    expect(next(inHeader, { headers: { link: '</p1>; rel="prev", </p3>; rel="next"' } })).toEqual({ url: '/p3' });
    expect(next(inHeader, { headers: { link: '</p1>; rel="prev"' } })).toBeUndefined();
    expect(next(inHeader, {})).toBeUndefined();
  });

  it.each([
    ['a full page of more', { body: { total: 25 }, count: 10 }, undefined, { number: 10 }],
    ['a short page of more', { body: { total: 25 }, count: 4 }, { number: 10 }, { number: 14 }],
    ['the last page', { body: { total: 25 }, count: 5 }, { number: 20 }, undefined],
    ['a total that is a text', { body: { total: '25' }, count: 10 }, undefined, { number: 10 }],
    ['no total and a full page', { count: 10 }, { number: 10 }, { number: 20 }],
    ['no total and a short page', { count: 9 }, { number: 10 }, undefined],
    ['an empty page', { body: { total: 25 }, count: 0 }, { number: 10 }, undefined],
    ['no list', { body: { total: 25 } }, undefined, undefined],
  ])('by offset, after %s, is %j', (_, answer, position, expected) => {
    expect(next(offset, answer, position)).toEqual(expected);
  });

  it.each([
    ['a full page', { count: 10 }, undefined, { number: 2 }],
    ['a short page', { count: 9 }, { number: 2 }, undefined],
    ['an empty page', { count: 0 }, { number: 2 }, undefined],
  ])('by number, after %s, is %j', (_, answer, position, expected) => {
    expect(next(page, answer, position)).toEqual(expected);
  });

  it('gives every record exactly once, by offset or by number, with or without a total', () => {
    const kinds = fc.constantFrom('offset' as const, 'page' as const);
    const sizes = fc.integer({ min: 1, max: 12 });
    fc.assert(
      fc.property(
        kinds,
        fc.boolean(),
        fc.boolean(),
        fc.nat(60),
        sizes,
        fc.nat(2),
        (kind, hasTotal, hasLimit, all, size, start) => {
          const plan = planOf({
            kind,
            start,
            send: { name: 'at' },
            ...(hasTotal && { total: '{{ response.body.total }}' }),
            ...(hasLimit && { limit: { name: 'size', default: 10, max: 12 } }),
          });
          const given: number[] = [];
          let position: Position | undefined;
          for (let pages = 0; pages === 0 || position; pages++) {
            if (pages > all + 1) throw new Error('no end');
            const { at = kind === 'page' ? start : 0, size: own = size } = pageParts(plan, { limit: size, position })
              .query as Record<string, number>;
            const from = kind === 'page' ? (at - start) * own : at;
            const records = Array.from({ length: Math.max(0, Math.min(own, all - from)) }, (_, i) => from + i);
            given.push(...records);
            position = next(plan, { body: { total: all }, count: records.length }, position, size);
          }
          expect(given).toEqual(Array.from({ length: all }, (_, i) => i));
        },
      ),
    );
  });
});

describe('linkTo', () => {
  it.each([
    ['<https://a/?page=2>; rel="next"', 'https://a/?page=2'],
    ['<https://a/?page=2>;rel=next', 'https://a/?page=2'],
    ['<https://a/1>; rel="prev", <https://a/3>; rel="next", <https://a/9>; rel="last"', 'https://a/3'],
    ['<https://a/?q=x,y;z>; rel="next"', 'https://a/?q=x,y;z'],
    ['<https://a/2>; title="page 2, the next; really"; rel="next"', 'https://a/2'],
    ['<https://a/2>; rel="last next"', 'https://a/2'],
    ['<https://a/2> ; REL = "next"', 'https://a/2'],
    ['</p?offset=5>; rel="next"', '/p?offset=5'],
    ['<>; rel="next"', ''],
    ['<https://a/2>; rel="nextpage"', undefined],
    ['<https://a/2>; title="next"', undefined],
    ['<https://a/2>', undefined],
    ['https://a/2; rel="next"', undefined],
    ['<https://a/2; rel="next"', undefined],
    ['', undefined],
  ])('finds the next page in %s', (header, expected) => {
    expect(linkTo('next', header)).toBe(expected);
  });

  it('never throws', () => {
    const piece = fc.constantFrom('<', '>', ';', ',', '"', '=', ' ', 'rel', 'next', '\\', 'a', 'https://a/2');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece, { maxLength: 60 }).map((it) => it.join('')),
        ),
        (header) => {
          const found = linkTo('next', header);
          expect(found === undefined || header.includes(`<${found}>`)).toBe(true);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it.each(['<', '<a>;', '<a>; ', '<a>;rel', '<a>; rel="', '<a>;x="y', '<a>;x=y ', '; rel=next', '<a', '<a>,'])(
    'is done at once with 100 kB of %j',
    (piece) => {
      expect(linkTo('next', piece.repeat(100_000 / piece.length))).toBeUndefined();
    },
    10_000,
  );
});
