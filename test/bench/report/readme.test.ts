import { describe, expect, it } from 'vitest';
import { load } from '../load.ts';

const { readmeSection, withSection } = await load('report/readme.mjs');

const row = (name: string, transport: string, cpu: number) => ({
  name,
  transport,
  era: name === 'floor' ? '' : '2026-07-28',
  levels: { 16: [{ cpu, perSecond: 1_000_000 / cpu, p50: 1, p99: 2 }] },
});
const results = {
  machine: { cpu: 'A machine', cores: 2, memoryGiB: 4, node: 'v20.0.0', date: '2026-11-22' },
  rounds: 5,
  calls: [
    row('floor', 'none', 30),
    ...['a', 'b', 'c', 'd', 'e'].map((it, i) => row(it, 'stdio', 60 + i)),
    row('Tieline', 'stdio', 90),
    row('Tieline', 'http', 150),
  ],
  targets: [
    { what: 'one thing', most: 2, value: 3, holds: false },
    { what: 'another', least: 1, value: 2, holds: true },
    { what: 'what nobody measured', least: 1 },
  ],
};

describe('the figures in README', () => {
  const section = readmeSection(results, 'chart.svg');

  it('are those of Tieline, of the bare request, and of the others that spend least', () => {
    const names = [...section.matchAll(/^\| ([^|]+) \| [\d,]+ \|/gm)].map(([, name]) => name);
    expect(names).toEqual([
      'bare request (floor), direct',
      ...['a', 'b', 'c', 'd'].map((it) => `${it}, stdio, 2026-07-28`),
      'Tieline, stdio, 2026-07-28',
      'Tieline, HTTP, 2026-07-28',
    ]);
    expect(section).toContain('| Tieline, stdio, 2026-07-28 | 90 | 3.0 | 11,111 | 1.0 | 2.0 |');
    expect(section).toContain('](chart.svg)');
  });

  it('say where and when they were measured, and what does not hold', () => {
    expect(section).toContain('medians of 5 rounds');
    expect(section).toContain('A machine, 2 cores, 4 GiB, Node v20.0.0, 2026-11-22');
    expect(section).toContain('1 of 3 targets hold');
    expect(section).toContain('- one thing: 3.00, where at most 2 is wanted');
    expect(section).toContain('- what nobody measured was not measured');
    expect(section).not.toContain('- another');
  });

  it('take the place of those before, and nothing else', () => {
    const text = 'before\n<!-- figures of npm run bench -->\nold\n<!-- end of the figures -->\nafter\n';
    const once = withSection(text, 'new\n');
    expect(once).toBe('before\n<!-- figures of npm run bench -->\n\nnew\n\n<!-- end of the figures -->\nafter\n');
    expect(withSection(once, 'new\n')).toBe(once);
  });

  it.each(['nothing', '<!-- end of the figures --> <!-- figures of npm run bench -->'])('have a place: %s', (text) => {
    expect(() => withSection(text, 'new')).toThrow('there is no');
  });
});
