import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { definitionError, formatProblem, nearest } from '../../src/connector/problem.ts';

const problem = { file: 'a.yaml', line: 3, column: 7, rule: 'format', message: 'is wrong' };

it('is written as editors and terminals link it', () => {
  expect(formatProblem(problem)).toBe('a.yaml:3:7 is wrong (format)');
});

it.each([
  [1, 'the definition has a problem:\na.yaml:3:7 is wrong (format)'],
  [2, 'the definition has 2 problems:\na.yaml:3:7 is wrong (format)\na.yaml:3:7 is wrong (format)'],
])('%i as one failure', (count, message) => {
  const error = definitionError(Array.from({ length: count }, () => problem));
  expect(error).toMatchObject({ code: 'definition_invalid', message });
  expect(error.hint).toContain('tieline connectors lint');
});

describe('nearest', () => {
  it.each([
    ['summry', ['title', 'summary'], 'summary'],
    ['titel', ['title', 'summary'], 'title'],
    ['Summary', ['title', 'summary'], 'summary'],
    ['pth', ['path', 'paths'], 'path'],
    ['destructiv', ['destructive'], 'destructive'],
    ['xy', ['xz'], 'xz'],
    ['xy', ['ab'], undefined],
    ['colour', ['title'], undefined],
    ['', ['a'], 'a'],
    ['x', [], undefined],
  ])('%j in %j is %j', (word, candidates, best) => {
    expect(nearest(word, candidates)).toBe(best);
  });

  it('finds every word with one letter dropped, doubled, changed or swapped', () => {
    const slip = fc.constantFrom(
      (word: string, at: number) => word.slice(0, at) + word.slice(at + 1),
      (word: string, at: number) => word.slice(0, at) + word[at] + word.slice(at),
      (word: string, at: number) => word.slice(0, at) + (word[at + 1] ?? '') + word[at] + word.slice(at + 2),
      (word: string, at: number) => `${word.slice(0, at)}_${word.slice(at + 1)}`,
    );
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{3,12}$/), fc.nat({ max: 11 }), slip, (word, at, change) => {
        expect(nearest(change(word, at % word.length), ['00000000000000', word])).toBe(word);
      }),
    );
  });
});
