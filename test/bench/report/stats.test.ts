import { describe, expect, it } from 'vitest';
import { load } from '../load.ts';

const { median, quantile, ratio } = await load('report/stats.mjs');

describe('statistics', () => {
  it('gives the middle, or the mean of the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 2, 100])).toBe(3);
    expect(median([])).toBeNaN();
  });

  it('leaves the numbers in their order', () => {
    const numbers = [3, 1, 2];
    median(numbers);
    expect(numbers).toEqual([3, 1, 2]);
  });

  it('gives the value below which a share lies', () => {
    const sorted = Array.from({ length: 100 }, (_, index) => index + 1);
    expect(quantile(sorted, 0.5)).toBe(51);
    expect(quantile(sorted, 0.99)).toBe(100);
    expect(quantile([7], 0.99)).toBe(7);
    expect(quantile([], 0.5)).toBeNaN();
  });

  it('compares round by round, so that a slow round of the machine counts for both', () => {
    expect(ratio([20, 200, 24], [10, 100, 10])).toBe(2);
  });

  it('leaves out rounds that one of both lacks', () => {
    expect(ratio([20, undefined, 90], [10, 10, undefined])).toBe(2);
    expect(ratio([], [1])).toBeNaN();
  });
});
