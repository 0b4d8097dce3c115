import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Bound, BoundedMap, bounds } from '../src/bounded.ts';

const SRC = new URL('../src/', import.meta.url);
const FILE = new URL('../docs/bounds.md', import.meta.url);
const IMPORTS = /import \{[^}]*\bbound\b[^}]*\} from '[./]+bounded\.ts'/;

/** How many bounds the sources declare. */
let declarations = 0;
/** One of each name: modules may have been loaded twice. */
let all: readonly Bound[];

beforeAll(async () => {
  const files = (await readdir(SRC, { recursive: true })).filter((it) => it.endsWith('.ts'));
  for (const file of files) {
    const text = await readFile(new URL(file, SRC), 'utf8');
    if (!IMPORTS.test(text)) continue;
    declarations += text.match(/\bbound\(/g)?.length ?? 0;
    await import(join('../src', file));
  }
  all = [...new Map(bounds.map((it) => [it.name, it])).values()].sort((a, b) => (a.name < b.name ? -1 : 1));
});

const size = (bytes: number): string => {
  const [unit, each] = bytes < 1024 * 1024 ? ['KiB', 1024] : ['MiB', 1024 * 1024];
  return `${(bytes / Number(each)).toLocaleString('en-US', { maximumFractionDigits: 1 })} ${unit}`;
};

function life(ms: number | undefined): string {
  if (ms === undefined) return '';
  if (ms < 60_000) return `${ms / 1_000} s`;
  return ms < 3_600_000 ? `${ms / 60_000} min` : `${ms / 3_600_000} h`;
}

const rendered = (): string => `# What grows, and how far

Everything that grows with what others send has a bound in one process of Tieline, in number and in bytes, unless it says
that it is on the store or on disk. What has a lifetime is let go of then in any case. This table is made of what the
modules declare.

| What | Entries | Bytes | Lifetime | At the bound |
|---|--:|--:|--:|---|
${all
  .map((it) => [it.name, it.entries.toLocaleString('en-US'), size(it.bytes), life(it.ms), it.atBound])
  .map((cells) => `| ${cells.join(' | ')} |`)
  .join('\n')}
`;

describe('the table of all bounds', () => {
  it('has each that is declared, under a name of its own', () => {
    expect(declarations).toBeGreaterThan(30);
    expect(all).toHaveLength(declarations);
  });

  it('is in docs/bounds.md; UPDATE_BOUNDS=1 writes it anew', async () => {
    if (process.env.UPDATE_BOUNDS === '1') await writeFile(FILE, rendered());
    expect(await readFile(FILE, 'utf8'), 'run it again with UPDATE_BOUNDS=1 to write the table').toBe(rendered());
  });

  it('says what happens at each', () => {
    for (const it of all) {
      expect(it.entries, it.name).toBeGreaterThan(0);
      expect(it.bytes, it.name).toBeGreaterThan(0);
      expect(it.ms ?? 1, it.name).toBeGreaterThan(0);
      expect(it.atBound, it.name).toMatch(/^[a-z].*[^.]$/);
    }
  });
});

it('no bound is passed by a map that keeps to it, whatever comes: many, large, and too large entries', () => {
  for (const it of all) {
    const { ms: _, ...lasting } = it;
    const map = new BoundedMap<number>(lasting, (bytes) => bytes);
    const fits = () => map.bytes <= it.bytes && map.size <= it.entries;
    for (let i = 0; i < Math.min(it.entries, 20_000) + 10; i++) map.set(`small ${i}`, 1);
    expect(fits(), it.name).toBe(true);
    for (const share of [50, 2, 1]) {
      for (let i = 0; i < 100; i++) {
        map.set(`large ${i}`, Math.max(1, Math.floor(it.bytes / share) - 200));
        if (!fits()) expect.fail(it.name);
      }
    }
    const kept = map.size;
    map.set('too large', it.bytes + 1);
    expect([map.has('too large'), map.size <= kept], it.name).toEqual([false, true]);
  }
});
