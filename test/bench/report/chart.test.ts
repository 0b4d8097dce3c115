import { describe, expect, it } from 'vitest';
import { load } from '../load.ts';

const { barChart } = await load('report/chart.mjs');

const chart = barChart({
  title: 'CPU & calls',
  note: 'one <machine>',
  unit: 'µs',
  groups: [
    {
      title: 'stdio',
      bars: [
        { label: 'floor', value: 500, kind: 'floor' },
        { label: 'a <b>', value: 2_000 },
      ],
    },
    { title: 'HTTP', bars: [{ label: 'Tieline', value: 1_000, kind: 'own' }] },
  ],
});

const bars = [...chart.matchAll(/<rect class="(\w+)" x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"/g)].map((it) => ({
  kind: it[1],
  x: Number(it[2]),
  y: Number(it[3]),
  width: Number(it[4]),
  height: Number(it[5]),
}));

describe('a bar chart', () => {
  it('has a bar for each value, as long as the value is large', () => {
    expect(bars.map((it) => it.kind)).toEqual(['floor', 'other', 'own']);
    const [floor, largest, own] = bars.map((it) => it.width);
    expect((largest ?? 0) / (floor ?? 1)).toBeCloseTo(4, 1);
    expect((largest ?? 0) / (own ?? 1)).toBeCloseTo(2, 1);
  });

  it('stays within its frame, and no bar lies on another', () => {
    const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(chart)?.map(Number) ?? [];
    let below = 0;
    for (const bar of bars) {
      expect(bar.y).toBeGreaterThanOrEqual(below);
      below = bar.y + bar.height;
      expect(bar.x + bar.width).toBeLessThan(width ?? 0);
    }
    expect(below).toBeLessThanOrEqual(height ?? 0);
  });

  it('escapes what it shows', () => {
    expect(chart).toContain('CPU &amp; calls');
    expect(chart).toContain('a &lt;b&gt;');
    expect(chart).toContain('one &lt;machine&gt;');
    expect(chart).not.toMatch(/<b>|<machine>/);
  });
});
