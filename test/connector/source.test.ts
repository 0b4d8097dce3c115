import { describe, expect, it } from 'vitest';
import { parseSource, SyntaxProblem } from '../../src/connector/source.ts';
import { textAt } from './sample.ts';

const text = [
  'plain: one',
  'quoted: "two"',
  "'the key': 'three'",
  'list: [a, { b: c }]',
  'block: |',
  '',
  '  four',
  'lines:',
  '  - five',
  '  - six: 6',
  'nothing:',
  'folded: >-',
  'tagged: !!str 7',
  '? asked',
  ': eight',
  'ünïcödé: 🎈',
].join('\n');

describe('at', () => {
  it.each<[readonly (string | number)[], string, string]>([
    [['plain'], 'plain: one', 'one'],
    [['quoted'], 'quoted: "two"', '"two"'],
    [['the key'], "'the key': 'three'", "'three'"],
    [['list'], 'list: [a, { b: c }]', '[a, { b: c }]'],
    [['list', 0], 'a, { b: c }]', 'a, { b: c }]'],
    [['list', 1], '{ b: c }]', '{ b: c }]'],
    [['list', 1, 'b'], 'b: c }]', 'c }]'],
    [['block'], 'block: |', 'four'],
    [['lines', 0], 'five', 'five'],
    [['lines', 1], 'six: 6', 'six: 6'],
    [['lines', 1, 'six'], 'six: 6', '6'],
    [['nothing'], 'nothing:', 'nothing:'],
    [['folded'], 'folded: >-', 'folded: >-'],
    [['tagged'], 'tagged: !!str 7', '7'],
    [['asked'], 'asked', 'eight'],
    [['ünïcödé'], 'ünïcödé: 🎈', '🎈'],
    [[], 'plain: one', 'plain: one'],
  ])('%j', (path, key, value) => {
    for (const lineBreak of ['\n', '\r\n', '\r']) {
      const broken = text.replaceAll('\n', lineBreak);
      const source = parseSource(broken);
      expect(textAt(broken, source.at(path, 'key'))).toBe(key);
      expect(textAt(broken, source.at(path))).toBe(value);
    }
  });

  it.each<[readonly (string | number)[], string]>([
    [['lines', 1, 'seven'], 'six: 6'],
    [['lines', 9, 'x'], '- five'],
    [['plain', 'deeper'], 'one'],
    [['missing', 'altogether'], 'plain: one'],
    [['constructor'], 'plain: one'],
  ])('%j, which is not there, gives its nearest parent', (path, place) => {
    const source = parseSource(text);
    expect(textAt(text, source.at(path))).toBe(place);
    expect(textAt(text, source.at(path, 'key'))).toBe(place);
  });
});

describe('parseSource refuses', () => {
  it.each([
    ['an alias', 'a: 1\nb: *x', '*x', /alias.*quotes/],
    ['an anchor', 'a: &x 1', '&x 1', /anchor.*quotes/],
    ['an anchor on a mapping', 'a: &x\n  b: 1', '&x', /anchor/],
    ['an anchor on a key', '&x a: 1', '&x a: 1', /anchor/],
    ['a merge', 'a: { b: 1 }\nc:\n  <<: *x', '*x', /alias/],
    ['text that looks like an alias', 'hosts: [*.example.com]', '*.example.com]', /quotes/],
    ['a second document', 'a: 1\n---\nb: 2', 'b: 2', /one YAML document/],
    ['an empty second document', 'a: 1\n---\n', '', /one YAML document/],
    ['a key twice', 'a: 1\nb: 2\na: 3', 'a: 3', /key `a` stands here twice/],
    ['a key twice, in quotes', 'a: 1\n"a": 3', '"a": 3', /key `a` stands here twice/],
    ['a key twice, deep down', 'x: [{ a: 1, a: 2 }]', 'a: 2 }]', /twice/],
    ['a list as key', 'a: 1\n[b]: 2', '[b]: 2', /key must be a text/],
    ['a mapping as key', 'a: 1\n? { b: 1 }\n: 2', '{ b: 1 }', /key must be a text/],
    ['no key', 'a:\n  : 1', ': 1', /key must be a text/],
    ['a tab as indentation', 'a:\n\tb: 1', '\tb: 1', /tab/],
    ['a bracket left open', 'a: [1, 2', '', /end of the stream/],
    ['an unknown tag', 'a: !!js/function x', '!!js/function x', /unknown/],
    ['an unknown escape', 'a: "\\q"', 'q"', /escape/],
    ['a null byte', 'a: \0', '\0', /null byte/],
    ['deep nesting', `a: ${'['.repeat(2_000)}`, undefined, /nesting/],
    ['nothing', '', '', /no YAML document/],
    ['a comment only', '# nothing', '# nothing', /no YAML document/],
  ])('%s', (_, broken, place, message) => {
    const problem = refusal(broken);
    expect(problem.message).toMatch(message);
    if (place !== undefined) expect(textAt(broken, problem.position)).toBe(place);
  });

  it('a few lines that would grow to gigabytes, before they grow', () => {
    const lines = Array.from({ length: 30 }, (_, i) => `l${i + 1}: &l${i + 1} [*l${i}, *l${i}, *l${i}]`);
    expect(refusal(['l0: &l0 lol', ...lines].join('\n'))).toMatchObject({ position: { line: 1, column: 5 } });
  });
});

it('leaves the prototype of objects alone', () => {
  const { value } = parseSource('__proto__: { polluted: true }\nconstructor: { prototype: { polluted: true } }');
  expect(Object.keys(value as object)).toEqual(['__proto__', 'constructor']);
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect({}).not.toHaveProperty('polluted');
});

it('keeps what YAML 1.1 would turn into something else', () => {
  const { value } = parseSource('a: no\nb: 2026-01-01\nc: 012\nd: 1_000\ne: 12:30\n<<: plain');
  expect(value).toEqual({ a: 'no', b: '2026-01-01', c: 12, d: '1_000', e: '12:30', '<<': 'plain' });
});

function refusal(text: string): SyntaxProblem {
  try {
    parseSource(text);
  } catch (error) {
    if (error instanceof SyntaxProblem) return error;
    throw error;
  }
  throw new Error('it was taken');
}
