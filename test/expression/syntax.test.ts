// biome-ignore-all lint/suspicious/noTemplateCurlyInString: template literals are what is tested
import { Script } from 'node:vm';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { helperFunctions } from '../../src/expression/functions.ts';
import { findRoots, GLOBALS } from '../../src/expression/names.ts';
import { loadSandbox, Scripts } from '../../src/expression/sandbox.ts';
import { findSyntaxError } from '../../src/expression/syntax.ts';
import { readTokens } from '../../src/expression/token.ts';

beforeAll(loadSandbox);

const errorOf = (source: string): string | undefined => findSyntaxError(readTokens(source).tokens);
const rootsOf = (source: string): string[] => [...findRoots(readTokens(source).tokens)];

describe('findSyntaxError', () => {
  it.each([
    'a.b?.c?.[0]?.(1) ?? d',
    '{ a, "b": 1, 2: 3, [c]: d, ...e, default: f, new: 1, f(x) { return x }, get g() { return 1 }, async h() {}, *i() {}, async *[j]() {}, get() {} }',
    'a ? b ? c : d : { e: f ? g : h }',
    '(a, { b: [c = 1, ...d] }, ...e) => a + b',
    '(() => { for (const x of y) if (x) return /re}/g.test(x); return `}${ {a: `}`}.a }` })()',
    'typeof a === "undefined" ? void 0 : -a ** 2'.replace('-a', '(-a)'),
    'new Date(a).getTime() / 2 / b',
    '/[/}]+/i.test(a) && !b in c',
    '[, a, , ...b,]',
    'f(a,)',
    'a /* } */ + b // the end',
    'function (a) { return a }(1)',
    'a++ + ++b - -c',
    'a?.5:1',
    'async () => await a',
    'x => y => ({ x, y })',
    'tag`a${b}`',
    '1_000 + 0xff + .5 + 5. + 1e-3 + 10n',
    'a.class.if.return',
  ])('accepts %s', (source) => {
    expect(errorOf(source)).toBeUndefined();
  });

  it.each([
    ['a.', 'unexpected .'],
    ['a b', 'unexpected b'],
    ['a +', 'the expression is not finished'],
    ['a ? b', 'a ? without its :'],
    ['f(a ? b)', 'a ? without its :'],
    ['a : b', 'unexpected :'],
    ['()', 'unexpected )'],
    ['a[]', 'unexpected ]'],
    ['{ a: }', 'unexpected }'],
    ['a; b', 'unexpected ;'],
    ['return a', 'unexpected return'],
    ['if (a) b', 'unexpected if'],
    ['const a = 1', 'unexpected const'],
    ['a | default(b) c', 'unexpected default'],
    ['* a', 'unexpected *'],
    ['a, , b', 'unexpected ,'],
    ['a { b }', 'unexpected {'],
    ['a ! b', 'unexpected !'],
    ['"a" "b"', 'unexpected "b"'],
  ])('refuses %s', (source, reason) => {
    expect(errorOf(source)).toBe(reason);
  });

  it.each(['(a', 'a)', '[a}', '"a', "'a", '`a', '`${a`', 'a @ b', '3px', '/a', '#x', 'a \\ b'])(
    'cannot read %s',
    (source) => {
      expect(() => readTokens(source)).toThrow(SyntaxError);
    },
  );

  it('refuses nothing that is JavaScript', () => {
    const isJavaScript = (source: string): boolean => {
      try {
        new Script(`'use strict';(\n${source}\n)`); // compiled, never run; QuickJS takes `[, 1 ...a]` for JavaScript too
        return true;
      } catch {
        return false;
      }
    };
    const change = fc.record({ at: fc.nat(40), remove: fc.nat(2), insert: fc.subarray(PIECES, { maxLength: 2 }) });
    fc.assert(
      fc.property(expressions, fc.array(change, { maxLength: 2 }), (pieces, changes) => {
        const changed = [...pieces];
        for (const { at, remove, insert } of changes) changed.splice(at % (changed.length + 1), remove, ...insert);
        const source = changed.join(' ');
        let reason: string | undefined;
        try {
          reason = errorOf(source);
        } catch {
          return; // unbalanced text could close the wrapper of this test
        }
        if (reason !== undefined) expect([source, isJavaScript(source)]).toEqual([source, false]);
        if (changes.length === 0) expect([source, reason]).toEqual([source, undefined]);
      }),
      { numRuns: 2_000 },
    );
  });
});

const PIECES =
  'a b . ?. ( ) [ ] { } , + - ++ ! typeof in instanceof ? : ?? ... => 1 "s" `t` /r/ new = get async function return * && void class of let'.split(
    ' ',
  );

const { expressions } = fc.letrec<{ expressions: readonly string[] }>((tie) => {
  const inner = tie('expressions');
  const around = (...before: string[]) => ({
    and: (...after: string[]) => inner.map((it) => [...before, ...it, ...after]),
  });
  const two = (between: string[]) =>
    fc.tuple(inner, inner).map(([one, other]) => ['(', ...one, ...between, ...other, ')']);
  return {
    expressions: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      fc.constantFrom(['a'], ['b', '.', 'in'], ['a', '?.', '[', '1', ']'], ['"s"'], ['`t`'], ['1'], ['/r/']),
      around('(').and(')'),
      around('[', ',', '...').and(']'),
      around('{', 'a', ':').and(',', 'get', 'b', '(', ')', '{', 'return', '1', '}', '}'),
      around('(', '!').and(')'),
      around('(', 'typeof').and(')'),
      around('(', '{', 'a', '}', ',', 'b', '=', '1', ')', '=>').and(),
      around('new', 'a', '(').and(')'),
      two(['+']),
      two(['instanceof']),
      two([',']),
      two(['/']),
      fc.tuple(inner, inner, inner).map(([a, b, c]) => ['(', '(', ...a, ')', '?', ...b, ':', ...c, ')']),
    ),
  };
});

describe('findRoots', () => {
  it.each([
    ['args.id', ['args']],
    ['a.b.c + d["e"] + `${f.g}`', ['a', 'd', 'f']],
    ['items.map(item => item.id + offset)', ['items', 'offset']],
    ['[item.id, ...list.map(item => item.id)]', ['item', 'list']],
    ['list.map(({ id, name: label = fallback }, ...rest) => id + label + name + rest)', ['list', 'fallback', 'name']],
    ['list.map((x, i) => ({ x, i, other })).concat(x)', ['list', 'other', 'x']],
    ['{ a: 1, b, [c]: 2 }', ['b', 'c']],
    ['x ? y : z', ['x', 'y', 'z']],
    ['c ? x => x : x', ['c', 'x']],
    ['(() => { const { a, b: [d] } = args; let e = a; return a + d + e })()', ['args']],
    ['(function f(a) { try { return a } catch (e) { return e } })(b)', ['b']],
    ['Math.max(JSON.parse(a), undefined, NaN, base64(b))', ['a', 'b']],
    ['typeof this === "object" || null || true', []],
    ['/a+b/g.test(c)', ['c']],
  ])('of %s', (source, roots) => {
    expect(rootsOf(source)).toEqual(roots);
  });

  it('knows every global of the sandbox', () => {
    const scripts = new Scripts();
    const names = scripts.evaluate('Object.getOwnPropertyNames(globalThis)', {});
    scripts.dispose();
    expect(new Set(names as string[])).toEqual(new Set([...GLOBALS, ...Object.keys(helperFunctions), 'eval']));
  });
});
