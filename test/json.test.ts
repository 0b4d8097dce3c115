import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MOST_DEPTH, MOST_VALUES, parseJson } from '../src/json.ts';

const nested = (depth: number, open = '[', close = ']') => open.repeat(depth) + close.repeat(depth);

describe('parseJson', () => {
  it('is JSON.parse for what is within the limits', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(parseJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each([
    ['lists', nested(MOST_DEPTH + 1)],
    ['objects', `${'{"a":'.repeat(MOST_DEPTH + 1)}1${'}'.repeat(MOST_DEPTH + 1)}`],
    ['lists that are never closed', '['.repeat(1_000_000)],
    ['values', `[${'0,'.repeat(MOST_VALUES)}0]`],
    ['members', `{${Array.from({ length: MOST_VALUES / 2 + 1 }, (_, i) => `"${i}":0`).join()}}`],
  ])('refuses too many %s', (_, text) => {
    expect(() => parseJson(text)).toThrowError(expect.objectContaining({ code: 'json_too_large' }));
  });

  it.each([
    ['the deepest', nested(MOST_DEPTH)],
    [
      'brackets in strings',
      JSON.stringify(['['.repeat(10_000), `\\"${'{'.repeat(10_000)}`, ','.repeat(MOST_VALUES + 1)]),
    ],
    ['many in a row', JSON.stringify(Array.from({ length: 1_000 }, () => [{}]))],
  ])('takes %s', (_, text) => {
    expect(parseJson(text)).toEqual(JSON.parse(text));
  });

  it.each(['{', '["', '"\\', `["${'\\"'.repeat(100)}`, ']'.repeat(200)])(
    'leaves what is no JSON to the parser: %s',
    (text) => {
      expect(() => parseJson(text)).toThrowError(SyntaxError);
    },
  );
});
