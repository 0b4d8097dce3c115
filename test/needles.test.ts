import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Needles } from '../src/needles.ts';

const needlesOf = (...texts: string[]) => new Needles(texts);

describe('needles', () => {
  it.each([
    ['nothing of one', ['12345678'], 'a 12345678 b', 'a * b'],
    ['one that is all there is', ['12345678'], '12345678', '*'],
    ['each of several', ['12345678', 'abcdefgh'], '12345678abcdefgh 12345678', '** *'],
    ['one inside another with it', ['12345678', 'x12345678x'], 'x12345678x', '*'],
    ['the longest of those that begin alike', ['12345678', '1234567890'], '1234567890', '*'],
    ['two that overlap together', ['12345678', '56789abc'], '-123456789abc-', '-*-'],
    ['one that overlaps itself', ['abababab'], '-ababababab-', '-*-'],
    ['what others in a row lie in', ['aaaaaaaab', 'bcccccccc', 'xaaaaaaaabccccccccx'], 'xaaaaaaaabccccccccx', '*'],
    ['one beyond ASCII', ['schlüssel-größe'], 'der schlüssel-größe.', 'der *.'],
  ])('leave %s', (_, texts, text, clean) => {
    expect(needlesOf(...texts).replaceIn(text, '*')).toBe(clean);
  });

  it.each(['', '1234567', '1234-5678', 'x'.repeat(100)])('leave %j as it is', (text) => {
    expect(needlesOf('12345678').replaceIn(text, '*')).toBe(text);
  });

  it('are covered whole, and nothing else is', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 10 });
    const long = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 60 });
    fc.assert(
      fc.property(fc.array(letters, { maxLength: 20 }), long, (texts, text) => {
        const needles = needlesOf(...texts);
        const covered = [...text].map((_, i) =>
          texts.some((it) => [...it].some((_, before) => before <= i && text.startsWith(it, i - before))),
        );
        const kept = [...text].filter((_, i) => !covered[i]).join('');
        expect(needles.replaceIn(text, '*').replaceAll('*', '')).toBe(kept);
      }),
      { numRuns: 1_000 },
    );
  });
});
