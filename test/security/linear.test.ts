import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'rolldown/experimental';
import { describe, expect, it } from 'vitest';
import { labelOf, visible, visibleJson } from '../../src/label.ts';
import { Needles } from '../../src/needles.ts';
import { scrubValues } from '../../src/secret.ts';
import { beginningOf, withoutTokens } from '../../src/tokenshape.ts';

const source = fileURLToPath(new URL('../../src', import.meta.url));

/** Read pages and texts of their own making, never those of others. */
const OF_THEIR_OWN = ['sandbox/person.ts'];

/** Read no more of a text than this, as the line beside them says: what is measured is as long. */
const BOUNDED: Readonly<Record<string, number>> = { 'execute/retry.ts': 100 };

type Pattern = { readonly file: string; readonly pattern: string; readonly flags: string };

/** Every regular expression that is written in a source, each once. */
function patternsOf(file: string): Pattern[] {
  const found = new Map<string, Pattern>();
  const visit = (node: unknown): void => {
    if (node === null || typeof node !== 'object') return;
    const { regex } = node as { regex?: { pattern: string; flags: string } };
    if (regex) found.set(`${regex.pattern}/${regex.flags}`, { file, ...regex });
    else for (const it of Object.values(node)) visit(it);
  };
  visit(parseSync(file, readFileSync(join(source, file), 'utf8'), { lang: 'ts' }).program.body);
  return [...found.values()];
}

const files = readdirSync(source, { withFileTypes: true, recursive: true })
  .filter((it) => it.isFile() && it.name.endsWith('.ts') && !it.name.endsWith('.d.ts'))
  .map((it) => relative(source, join(it.parentPath, it.name)))
  .filter((it) => !OF_THEIR_OWN.includes(it));

const patterns = files.flatMap(patternsOf);

/**
 * Texts that a pattern may begin to match, and go on with: what is written in it, a character of each of its classes, and
 * two and three of those one after the other.
 */
function pumpsOf(pattern: string): string[] {
  const words = pattern.match(/[A-Za-z][\w.]*|\\[wsdS.{}/[\]()|+*?^$-]|[^\\\w\s]/g) ?? [];
  const plain = words.map((it) => (it.length === 2 && it[0] === '\\' ? (CLASSES[it[1] ?? ''] ?? it[1] ?? '') : it));
  const atoms = [...new Set([...plain, 'a', '1', ' ', '\n', 'A', '_', '-'])].slice(0, 24);
  const literal = pattern
    .replace(/\\b|[()^$?*+]|\(\?[:=!<]+/g, '')
    .replace(/\\(.)/g, '$1')
    .slice(0, 60);
  const pairs = atoms.slice(0, 8).flatMap((one) => atoms.slice(0, 8).map((two) => one + two));
  return [...new Set([...atoms, ...pairs, literal, ...(pattern.includes('eyJ') ? ['eyJ-', 'eyJ-.'] : [])])].filter(
    (it) => it !== '',
  );
}

const CLASSES: Readonly<Record<string, string>> = { w: 'a', s: ' ', d: '1', S: 'x' };

/** The least time of several runs, in milliseconds: whatever else the machine does only adds to it. */
function least(work: () => unknown, runs = 3): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    work();
    best = Math.min(best, performance.now() - start);
    if (best < LONGEST_MS / 4) break;
  }
  return best;
}

/** What is quadratic takes several times as long for the longest texts, and what is linear a hundredth. */
const LONGEST_MS = 40;
const LONGEST = 16_000;

/** Ever longer, slowly: what is exponential takes minutes for a few characters more than it takes a second for. */
const TIMES = [12, 16, 20, 24, 28, 32, 40, 50];

/** Whether it takes too long on a text made of the pump. */
function isSlow(work: (text: string) => unknown, pump: string, most: number): boolean {
  for (let i = 0, times = 12; ; i++, times = TIMES[i] ?? Math.ceil(times * 1.6)) {
    const text = `${pump.repeat(Math.min(times, Math.ceil(most / pump.length)))}\0`;
    if (least(() => work(text)) > LONGEST_MS) return true;
    if (text.length > most) return false;
  }
}

describe('a regular expression', () => {
  it('is there to be looked at', () => {
    expect(patterns.length).toBeGreaterThan(200);
  });

  it('takes as long as its text is, whatever that is made of', () => {
    const slow = patterns.flatMap(({ file, pattern, flags }) => {
      const regex = new RegExp(pattern, flags);
      const run = (text: string) => {
        regex.lastIndex = 0;
        return flags.includes('g') ? text.replace(regex, '') : regex.exec(text);
      };
      const pump = pumpsOf(pattern).find((it) => isSlow(run, it, BOUNDED[file] ?? LONGEST));
      return pump === undefined ? [] : [`${file} /${pattern}/${flags} with ${JSON.stringify(pump)}`];
    });
    expect(slow).toEqual([]);
  });

  it('would be found if it did not', () => {
    for (const bad of ['\\s*\\n+\\s*', '^(a+)+$', 'a.*b', '_+$', 'eyJ[\\w-]{10,}\\.eyJ']) {
      const regex = new RegExp(bad, 'g');
      const run = (text: string) => text.replace(regex, '');
      expect(
        pumpsOf(bad).some((it) => isSlow(run, it, LONGEST)),
        bad,
      ).toBe(true);
    }
  });
});

const alike = Array.from({ length: 10_000 }, (_, i) => `${'a'.repeat(40)}${i}`);
const SCANNERS: Readonly<Record<string, (text: string) => unknown>> = {
  withoutTokens,
  visible,
  visibleJson,
  labelOf,
  beginningOf: (text) => beginningOf(text, text.length - 1),
  'a long secret of one letter': (text) => scrubValues(text, long),
  'a secret that ends alike': (text) => scrubValues(text, ending),
  'many secrets that begin alike': (text) => scrubValues(text, alike),
  'needles that overlap': (text) => overlapping.replaceIn(text, '*'),
};
const long = ['a'.repeat(16_000)];
const ending = [`b${'a'.repeat(16_000)}`, 'eyJ-'.repeat(4_000)];
const overlapping = new Needles(Array.from({ length: 500 }, (_, i) => 'a'.repeat(i + 1)));

describe.each(Object.entries(SCANNERS))('the scanner for %s', (_, scan) => {
  it.each(['a', 'eyJ-', 'eyJ-.', 'eyJaaaaaaaaaa.', 'Bearer ', 'token a-', 'ghp_', ' ', '\n', '\u202e', '[secret]'])(
    'takes as long as a text of %j is',
    (pump) => {
      const text = (length: number) => pump.repeat(length / pump.length);
      scan(text(2_000));
      const [short, double] = [200_000, 800_000].map((length) => least(() => scan(text(length)), 5));
      // Four times as much text: four times as long, with room for whatever else the machine does. What is quadratic needs minutes.
      expect(double).toBeLessThan(Math.max(10 * (short ?? 0), 400));
    },
  );
});
