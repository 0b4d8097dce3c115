import { describe, expect, it } from 'vitest';
import { load } from '../load.ts';

const { judgeGrowth } = await load('report/growth.mjs');

/** Twenty samples, as a run of a million calls makes. */
const samples = (memory: (index: number) => number, files: (index: number) => number) =>
  Array.from({ length: 20 }, (_, index) => ({ calls: index, memoryMiB: memory(index), files: files(index) }));

describe('growth', () => {
  it('is none where memory goes up and down', () => {
    expect(
      judgeGrowth(
        samples(
          (index) => 120 + (index % 3) * 12,
          () => 40,
        ),
      ),
    ).toEqual([]);
  });

  it('does not count what is built up in the first half', () => {
    expect(
      judgeGrowth(
        samples(
          (index) => (index < 10 ? 80 + index * 10 : 180),
          (index) => Math.min(index, 9) * 10,
        ),
      ),
    ).toEqual([]);
  });

  it('is memory that keeps growing', () => {
    expect(
      judgeGrowth(
        samples(
          (index) => 100 + index * 5,
          () => 40,
        ),
      ),
    ).toEqual(['memory grew by 25.0 MiB, more than 16']);
  });

  it('is files that are never closed', () => {
    expect(
      judgeGrowth(
        samples(
          () => 100,
          (index) => 40 + index * 2,
        ),
      ),
    ).toEqual(['open files grew by 10, more than 8']);
  });
});
