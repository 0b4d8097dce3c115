import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitResult, LONGEST_RESULT } from '../../src/execute/fit.ts';
import { failureOf } from './stage.ts';

const meta = { integration: 'main', page: { cursor: 'next', hasMore: true } };
const fitted = (data: unknown) => fitResult({ data, json: JSON.stringify(data), meta });
const length = (value: unknown): number => JSON.stringify(value).length;

describe('fitResult', () => {
  it.each([[[]], [null], [{ a: 1 }], ['x'.repeat(LONGEST_RESULT - 2)], [['x'.repeat(LONGEST_RESULT - 4)]]])(
    'leaves what fits as it is',
    (data) => {
      const result = { data, json: JSON.stringify(data), meta };
      expect(fitResult(result)).toBe(result);
    },
  );

  it('keeps of a long list the first records, says so, and gives no cursor that would skip the rest', () => {
    const data = Array.from({ length: 100 }, (_, id) => ({ id, text: 'x'.repeat(1_000) }));
    const { data: kept, meta: said } = fitted(data);
    const { length: count } = kept as unknown[];
    expect(count).toBeGreaterThan(70);
    expect(said).toEqual({
      integration: 'main',
      truncated: { returned: count, of: 100, hint: expect.stringContaining(`The first ${count} of 100 records fit.`) },
    });
  });

  it('is never longer than the cap, and keeps a prefix that cannot be one record longer', () => {
    // Sizes around the cap, so that most runs meet it.
    const sizes = fc.array(fc.integer({ min: 0, max: 30_000 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(sizes, fc.constantFrom('x', 'ü', '"', '\u0001'), (sizes, unit) => {
        const data = sizes.map((size) => unit.repeat(size / (length(unit) - 2)));
        const { data: kept, json } = fitted(data) as { data: string[]; json: string };
        expect(json).toBe(JSON.stringify(kept));
        expect(length(kept)).toBeLessThanOrEqual(LONGEST_RESULT);
        expect(kept).toEqual(data.slice(0, kept.length));
        if (kept.length < data.length)
          expect(length(data.slice(0, kept.length + 1))).toBeGreaterThan(LONGEST_RESULT - 2);
      }),
    );
  });

  it.each([
    ['an object', { text: 'x'.repeat(LONGEST_RESULT) }],
    ['a text', 'x'.repeat(LONGEST_RESULT)],
    ['a record', ['x'.repeat(LONGEST_RESULT), 'short']],
  ])('refuses %s that is too long by itself', async (_, data) => {
    const error = await failureOf(() => fitted(data));
    expect(error.code).toBe('result_too_large');
    expect(error.hint).toMatch(/^Ask for less/);
  });
});
