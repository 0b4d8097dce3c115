import { describe, expect, it } from 'vitest';
import { load } from './load.ts';

const { judge, TARGETS } = await load('targets.mjs');

const MODERN = '2026-07-28';
const LEGACY = '2025-11-25';

const row = (name: string, transport: string, era: string, cpu: number[], perSecond = 1_000, p99 = 1) => {
  const rounds = cpu.map((it) => ({ cpu: it, perSecond, p50: p99 / 2, p99 }));
  return { name, transport, era, levels: { 1: rounds, 16: rounds, 64: rounds } };
};

const calls = (ours: number[]) => [
  row('floor', 'none', '', [50, 100], 9_000, 1),
  ...['stdio', 'http'].flatMap((transport) => [
    row('SDK Server', transport, MODERN, [300, 300], 2_000, 9),
    row('tmcp', transport, MODERN, [200, 200], 3_000, 9),
    row('Tieline', transport, MODERN, ours, 4_500, 2),
    row('Tieline', transport, LEGACY, ours, 4_500, 2),
  ]),
];

/** Verdicts by what they are about. */
const verdicts = (results: object) => {
  const found: Record<string, { value?: number; holds?: boolean }> = {};
  for (const it of judge(results)) found[it.what] = it;
  return (start: string) => found[Object.keys(found).find((it) => it.startsWith(start)) ?? ''];
};

describe('the targets', () => {
  it('are told apart by what they say, and each has one limit', () => {
    expect(new Set(TARGETS.map((it: { what: string }) => it.what)).size).toBe(TARGETS.length);
    for (const { most, least } of TARGETS) expect((most === undefined) !== (least === undefined)).toBe(true);
  });

  it('are neither held nor missed where nothing was measured', () => {
    for (const it of judge({})) expect(it).not.toHaveProperty('holds');
  });

  it('hold at their limit', () => {
    const of = verdicts({ calls: calls([75, 150]) });
    expect(of('CPU per call over stdio at concurrency 16')).toMatchObject({ value: 1.5, holds: true });
    expect(of('CPU per call over HTTP (2026-07-28) at concurrency 64')).toMatchObject({ value: 1.5, holds: true });
    expect(of('calls per second over stdio')).toMatchObject({ value: 1.5, holds: true });
    expect(of('p99 over HTTP')).toMatchObject({ value: 2, holds: true });
  });

  it('are missed beyond it', () => {
    const of = verdicts({ calls: calls([110, 220]) });
    expect(of('CPU per call over stdio at concurrency 16')).toMatchObject({ value: 2.2, holds: false });
    expect(of('CPU per call over HTTP (2026-07-28) at concurrency 16')).toMatchObject({ value: 2.2, holds: false });
    expect(of('CPU per call over HTTP (2025-11-25) at concurrency 16')).toMatchObject({ value: 2.2, holds: true });
  });

  it('are measured against the fastest of all others, not the floor', () => {
    const slow = calls([75, 150]).map((it) =>
      it.name === 'tmcp' ? row('tmcp', it.transport, MODERN, [1, 1], 4_000) : it,
    );
    expect(verdicts({ calls: slow })('calls per second over HTTP')).toMatchObject({ value: 1.125, holds: false });
  });

  it('are not measured against Tieline in another way', () => {
    const more = [...calls([75, 150]), row('Tieline (login token)', 'http', MODERN, [80, 80])];
    const of = verdicts({ calls: more });
    expect(of('calls per second over HTTP')).toEqual(
      verdicts({ calls: calls([75, 150]) })('calls per second over HTTP'),
    );
  });

  it('look for the size they are about', () => {
    const sized = (cpu: number, size: object) => ({ ...row('Tieline', 'http', MODERN, [cpu, cpu]), size });
    const scale = [
      sized(100, { tools: 10, integrations: 1, users: 1 }),
      sized(105, { tools: 5_000, integrations: 1, users: 1 }),
      sized(300, { tools: 10, integrations: 10_000, users: 1 }),
      sized(120, { tools: 10, integrations: 10, users: 1_000 }),
    ];
    const of = verdicts({ scale });
    expect(of('CPU per call over http with 5,000 tools')).toMatchObject({ value: 1.05, holds: true });
    expect(of('CPU per call over http with 10,000 integrations of one')).toMatchObject({ value: 3, holds: false });
    expect(of('CPU per call over HTTP with 10,000 integrations of 1,000')).toMatchObject({ value: 1.2, holds: false });
  });

  it('compare memory with the bare SDK, and with half of the calls before', () => {
    const memory = [
      { name: 'Tieline', transport: 'http', era: MODERN, idleMiB: 90, halfMiB: 150, afterMiB: 180 },
      { name: 'SDK Server', transport: 'http', era: MODERN, idleMiB: 80, halfMiB: 150, afterMiB: 150 },
    ];
    const of = verdicts({ memory });
    expect(of('memory over http with')).toMatchObject({ value: 1.2, holds: true });
    expect(of('memory over http after')).toMatchObject({ value: 1.2, holds: false });
  });
});
