import { describe, expect, it } from 'vitest';
import { load } from '../load.ts';

const { markdownTable, shown, textTable } = await load('report/table.mjs');

describe('a table', () => {
  const rows = [
    ['', 'µs'],
    ['floor', '31'],
    ['a|b', '1,024'],
  ];

  it('has columns as wide as they need to be', () => {
    expect(textTable(rows)).toBe(['          µs', '-----  -----', 'floor     31', 'a|b    1,024'].join('\n'));
  });

  it('is Markdown, whatever is in a cell', () => {
    expect(markdownTable(rows)).toBe(['|  | µs |', '|---|--:|', '| floor | 31 |', '| a\\|b | 1,024 |'].join('\n'));
  });
});

describe('a number', () => {
  it.each([
    [1234.56, 0, '1,235'],
    [1.5, 2, '1.50'],
    [0, 1, '0.0'],
    [undefined, 2, '–'],
    [Number.NaN, 2, '–'],
  ])('%s with %s digits is shown as %s', (value, digits, text) => {
    expect(shown(value, digits)).toBe(text);
  });
});
