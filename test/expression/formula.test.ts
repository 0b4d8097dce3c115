import { describe, expect, it } from 'vitest';
import { TielineError } from '../../src/errors.ts';
import { compileMapping } from '../../src/expression/formula.ts';

const scope = {
  input: {
    name: 'Ada',
    plan: 'pro',
    count: 3,
    tags: ['a', 'b'],
    empty: '',
    none: null,
    'a.b': 'dotted',
    'x y': 'spaced',
  },
  response: { body: { list: [{ id: 7 }] } },
};

describe('a formula', () => {
  it.each<[string, unknown, unknown]>([
    ['$var', { $var: 'input.name' }, 'Ada'],
    ['$var with a root sign', { $var: '$.response.body.list[0].id' }, 7],
    ['$var with quoted names', { $var: `$.input['x y']` }, 'spaced'],
    ['$var with an escaped dot', { $var: 'input.a\\.b' }, 'dotted'],
    ['$var of nothing', { $var: 'input.no.where' }, undefined],
    ['$var of what is inherited', { $var: 'input.constructor' }, undefined],
    ['$template', { $template: '{{ input.name }}-{{ input.count }}' }, 'Ada-3'],
    ['$concat', { $concat: [{ $var: 'input.name' }, ' & ', 'co'] }, 'Ada & co'],
    [
      '$concat without what is empty',
      { $concat: { values: ['a', { $var: 'input.empty' }, 'b'], delimiter: ',' } },
      'a,b',
    ],
    ['$firstNotEmpty', { $firstNotEmpty: [{ $var: 'input.empty' }, { $var: 'input.none' }, [], 'x', 'y'] }, 'x'],
    ['$firstNotEmpty of nothing', { $firstNotEmpty: [''] }, undefined],
    ['$and', { $and: [true, { $var: 'input.name' }] }, true],
    ['$and with a false one', { $and: [true, { $var: 'input.empty' }] }, false],
    ['$or', { $or: [false, { $var: 'input.name' }] }, true],
    ['$or of false ones', { $or: [false, 0, ''] }, false],
    // biome-ignore lint/suspicious/noThenProperty: what a formula is called
    ['$if', { $if: { condition: { $var: 'input.name' }, then: 'yes', else: 'no' } }, 'yes'],
    // biome-ignore lint/suspicious/noThenProperty: what a formula is called
    ['$if not', { $if: { condition: false, then: 'yes' } }, undefined],
    ['$map', { $map: { value: { $var: 'input.plan' }, mapping: [{ from: 'pro', to: 1 }], default: 0 } }, 1],
    ['$map of another', { $map: { value: 'x', mapping: [{ from: 'pro', to: 1 }], default: 0 } }, 0],
    [
      'in a tree',
      { a: [{ b: { $var: 'input.name' }, c: '{{ input.count }}', d: { $var: 'no' } }] },
      { a: [{ b: 'Ada', c: 3 }] },
    ],
    ['none at all', { a: '{{ input.name }}' }, { a: 'Ada' }],
    ['none in a text', '{{ input.count }}', 3],
  ])('%s', (_, source, expected) => {
    expect(compileMapping(source).evaluate(scope)).toEqual(expected);
  });

  it.each<[string, unknown, unknown[], boolean]>([
    ['is', 'a', ['a'], true],
    ['is', 1, ['1'], false],
    ['isNot', 'a', ['b'], true],
    ['isEmpty', '', [], true],
    ['isEmpty', [], [], true],
    ['isEmpty', 0, [], false],
    ['isNotEmpty', { a: 1 }, [], true],
    ['contains', 'abc', ['b'], true],
    ['contains', ['a', 'b'], ['b'], true],
    ['contains', 5, ['5'], false],
    ['doesNotContain', ['a'], ['b'], true],
    ['oneOf', 'a', ['b', 'a'], true],
    ['noneOf', 'a', ['b', 'a'], false],
    ['gt', 2, [1], true],
    ['gte', 2, [2], true],
    ['lt', 2, [2], false],
    ['lte', '2', [2], true],
  ])('$eval %s of %j and %j is %j', (operator, variable, values, expected) => {
    expect(compileMapping({ $eval: { variable, operator, values } }).evaluate(scope)).toBe(expected);
  });

  it('$case takes the first case that holds', () => {
    const filter = (n: number) => ({ $eval: { variable: { $var: 'input.count' }, operator: 'gt', values: [n] } });
    const source = (...limits: number[]) => ({
      $case: { cases: limits.map((it) => ({ filter: filter(it), value: `over ${it}` })), default: 'few' },
    });
    expect(compileMapping(source(5, 2, 1)).evaluate(scope)).toBe('over 2');
    expect(compileMapping(source(5)).evaluate(scope)).toBe('few');
  });

  it.each([
    { $no: 1 },
    { $toString: 1 },
    { $var: 5 },
    { $var: '' },
    { $concat: 'a' },
    { $and: {} },
    { $case: { cases: 1 } },
    { $map: { mapping: 1 } },
    { $eval: { variable: 1, operator: 'like' } },
    { $eval: { variable: 1, operator: 'constructor' } },
    { a: [{ $if: 'x' }] },
  ])('is refused: %j', (source) => {
    expect(() => compileMapping(source)).toThrow(TielineError);
  });
});
