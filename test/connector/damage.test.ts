import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readDefinition } from '../../src/connector/load.ts';

const shipped = readFileSync(new URL('../../connectors/sandbox/connector.yaml', import.meta.url), 'utf8');
const lines = shipped.split('\n');

type Damage = (text: string) => string;
type Lines = string[];

const place = fc.nat({ max: lines.length - 1 });
/** What YAML or the format give a meaning to. */
const sting = fc.constantFrom(
  ...[
    '&a',
    '*a',
    '- ',
    ': ',
    '? ',
    '#',
    '|',
    '>',
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    '!!map ',
    '---',
    '...',
    '%TAG',
    '<<: ',
  ],
  ...['\t', '\r', '\0', '\uFEFF', '\u2028', '\uD800', '__proto__: ', 'constructor: ', '{{', '}}', '~', '.nan', '1e999'],
);
const word = fc.oneof(sting, fc.string({ unit: 'binary', maxLength: 12 }), fc.constantFrom(...lines));

const onLines =
  (change: (all: Lines) => void): Damage =>
  (text) => {
    const all = text.split('\n');
    change(all);
    return all.join('\n');
  };

const damage: fc.Arbitrary<Damage> = fc.oneof(
  place.map((at) => onLines((all) => all.splice(at, 1))),
  fc.tuple(place, place).map(([from, to]) => onLines((all) => all.splice(to, 0, all[from] ?? ''))),
  fc.tuple(place, word).map(([at, by]) => onLines((all) => all.splice(at, 1, by))),
  fc
    .tuple(place, fc.nat({ max: 12 }))
    .map(([at, depth]) => onLines((all) => all.splice(at, 1, ' '.repeat(depth) + all[at]?.trim()))),
  fc.tuple(fc.nat({ max: shipped.length }), fc.nat({ max: 40 }), word).map(
    ([at, length, by]): Damage =>
      (text) =>
        text.slice(0, at) + by + text.slice(at + length),
  ),
  fc.uint8Array({ minLength: 1, maxLength: 8 }).chain((bytes) =>
    fc.nat({ max: shipped.length }).map(
      (at): Damage =>
        (text) => {
          const buffer = Buffer.from(text);
          buffer.set(bytes, Math.min(at, buffer.length - bytes.length));
          return buffer.toString();
        },
    ),
  ),
);

it('the shipped definition is whole before it is damaged', () => {
  expect(readDefinition(shipped, 'connector.yaml')).toHaveProperty('loaded');
});

it('a damaged definition loads, or every problem has a place in the file', () => {
  const seen = { loaded: 0, yaml: 0, format: 0 };
  fc.assert(
    fc.property(fc.array(damage, { minLength: 1, maxLength: 4 }), (damages) => {
      const text = damages.reduce((damaged, it) => it(damaged), shipped);
      const read = readDefinition(text, 'connector.yaml');
      if ('loaded' in read) {
        seen.loaded += 1;
        return;
      }
      const rows = text.split(/\r\n?|\n/);
      expect(read.problems.length).toBeGreaterThan(0);
      for (const { line, column, rule, message } of read.problems) {
        seen[rule as keyof typeof seen] += 1;
        expect(message).not.toBe('');
        expect(line).toBeGreaterThanOrEqual(1);
        expect(line).toBeLessThanOrEqual(rows.length);
        expect(column).toBeGreaterThanOrEqual(1);
        expect(column).toBeLessThanOrEqual(rows[line - 1]!.length + 1);
      }
    }),
    { numRuns: 400 },
  );
  // no kind of outcome is left untried
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(10);
});

it('what is no definition at all has a problem as well', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(sting).map((it) => it.join('')),
        fc.json(),
      ),
      (text) => {
        const read = readDefinition(text, 'connector.yaml');
        expect('problems' in read && read.problems.length).toBeGreaterThan(0);
      },
    ),
  );
});
