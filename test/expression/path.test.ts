import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { compilePath, UNDECIDED } from '../../src/expression/path.ts';
import { loadSandbox, Scripts } from '../../src/expression/sandbox.ts';
import { compileTemplate } from '../../src/expression/template.ts';
import { Secret } from '../../src/secret.ts';

beforeAll(loadSandbox);

const scope = {
  a: { b: [1, { c: 'x' }], none: null, 'd e': true, constructor: 'mine', link: 'own' },
  text: 'abc',
  secret: new Secret('not shown anywhere'),
  bare: Object.assign(Object.create(null), { id: 1 }),
};

describe('compilePath', () => {
  it.each<[string, unknown]>([
    ['a.b[0]', 1],
    ['a.b[1].c', 'x'],
    ['a["b"]["1"].c', 'x'],
    ["a['d e']", true],
    ['a.none', null],
    ['a.none?.x.y.z', undefined],
    ['a.none?.["x"].y', undefined],
    ['a.missing', undefined],
    ['nothing', undefined],
    ['nothing?.x', undefined],
    ['a.missing ?? a.none ?? "last"', 'last'],
    ['a.missing ?? a.none', null],
    ['a.missing ?? 1.5', 1.5],
    ['a.missing ?? false ?? 1', false],
    ['null ?? undefined', undefined],
    ["'{{'", '{{'],
    ["'it\\'s\\n'", "it's\n"],
    ['a.b.length', 2],
    ['text.length', 3],
    ['text[1]', 'b'],
    ['text[9]', undefined],
    ['text.title', undefined],
    ['a.link', 'own'],
    ['a.link.link', UNDECIDED],
    ['a.b.map', UNDECIDED],
    ['a.toString', UNDECIDED],
    ['a.b[0].toFixed', UNDECIDED],
    ['secret.value', UNDECIDED],
    ['bare.id', 1],
    ['bare.toString', UNDECIDED],
    ['a /* the list */ . b [ 0 ]', 1],
  ])('%s', (source, value) => {
    expect(compilePath(source)?.(scope)).toEqual(value);
  });

  it.each([
    ['a.missing.x', 'cannot read "x" of undefined in {{ a.missing.x }}'],
    ['a.none.x ?? 1', 'cannot read "x" of null in {{ a.none.x ?? 1 }}'],
    ['a?.missing.x', 'cannot read "x" of undefined in {{ a?.missing.x }}'],
    ['nothing.x', 'cannot read "x" of undefined in {{ nothing.x }}'],
  ])('%s throws', (source, message) => {
    expect(() => compilePath(source)?.(scope)).toThrow(expect.objectContaining({ code: 'expression_failed', message }));
  });

  it.each([
    'a + b',
    'a()',
    'a.b()',
    'a?.()',
    'a[b]',
    'a[1.5]',
    'a[-1]',
    'a || b',
    'a, b',
    '(a)',
    'a ??',
    '?? a',
    '',
    'a..b',
    'a.[0]',
    'this.a',
    'this',
    'Math.PI',
    'NaN',
    'base64',
    'a.__proto__',
    'a.constructor',
    'a["prototype"]',
    '"abc".length',
    '"\\u0041"',
    'eval',
    '-1',
    '0x10',
    '010',
    'a.#b',
    'a ?? b || c',
    '`a`',
    '/a/',
    'a b',
    'a.if ?? if',
  ])('leaves %s to the sandbox', (source) => {
    expect(compilePath(source)).toBeUndefined();
  });
});

const NAMES = [
  'a',
  'b',
  'c',
  'x y',
  '0',
  '1',
  'length',
  'map',
  'at',
  'link',
  'toString',
  'valueOf',
  'constructor',
  '__proto__',
];

const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.jsonValue({ maxDepth: 1 }),
    fc.array(tie('tree'), { maxLength: 3 }),
    fc
      .uniqueArray(fc.tuple(fc.constantFrom(...NAMES), tie('tree')), { selector: ([key]) => key, maxLength: 5 })
      .map(Object.fromEntries),
  ),
}));

const step = fc
  .record({ name: fc.constantFrom(...NAMES), optional: fc.boolean(), quote: fc.constantFrom("'", '"', '') })
  .map(({ name, optional, quote }) => {
    if (/^\d$/.test(name) && quote === '') return `${optional ? '?.' : ''}[${name}]`;
    if (name === 'x y' || quote !== '') return `${optional ? '?.' : ''}[${quote || '"'}${name}${quote || '"'}]`;
    return `${optional ? '?.' : '.'}${name}`;
  });
const chain = fc
  .tuple(fc.constantFrom('a', 'b', 'unknown'), fc.array(step, { maxLength: 5 }))
  .map(([root, steps]) => root + steps.join(''));
const literal = fc.constantFrom('"text"', "'x y'", '1', '0.5', 'null', 'undefined', 'true', 'false');
const path = fc
  .array(fc.oneof({ weight: 4, arbitrary: chain }, { weight: 1, arbitrary: literal }), { minLength: 1, maxLength: 3 })
  .map((it) => it.join(' ?? '));

describe('a getter and the sandbox', () => {
  it('give the same or both throw', () => {
    const seen = { native: 0, thrown: 0 };
    fc.assert(
      fc.property(path, tree, tree, (source, a, b) => {
        const json = JSON.parse(JSON.stringify({ a, b })) as Record<string, unknown>;
        const scripts = new Scripts();
        const outcome = (evaluate: () => unknown): string => {
          try {
            return JSON.stringify(evaluate()) ?? 'undefined';
          } catch (error) {
            expect(error).toMatchObject({ code: 'expression_failed' });
            return 'thrown';
          }
        };
        const native = outcome(() => compileTemplate(`{{ ${source} }}`).evaluate(json, scripts));
        if (native === 'thrown') seen.thrown += 1;
        else if (compilePath(source)) seen.native += 1;
        expect(native).toBe(outcome(() => scripts.evaluate(source, json)));
        scripts.dispose();
      }),
      { numRuns: 500 },
    );
    expect(seen.native).toBeGreaterThan(50);
    expect(seen.thrown).toBeGreaterThan(50);
  });

  it.each(['Object', 'Array', 'String', 'Number', 'Boolean'] as const)(
    'know the same names of %s.prototype',
    (type) => {
      const scripts = new Scripts();
      const names = scripts.evaluate(`Object.getOwnPropertyNames(${type}.prototype)`, {}) as string[];
      scripts.dispose();
      const prototype: object = { Object, Array, String, Number, Boolean }[type].prototype;
      expect(names.filter((name) => !(name in prototype))).toEqual([]);
    },
  );
});
