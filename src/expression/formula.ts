import { TielineError } from '../errors.ts';
import type { Scope } from './expression.ts';
import type { Scripts } from './sandbox.ts';
import { compileTemplate } from './template.ts';

type Evaluate = (scope: Scope, scripts?: Scripts) => unknown;
export type Mapping = { evaluate: Evaluate };

/**
 * Compiles a JSON tree in which strings may hold `{{ expression }}` and objects may be formulas: one key that begins
 * with `$`, such as `{ $var: input.apiKey }`. What a formula does not find is undefined, which drops the key that holds
 * it; empty is undefined, null, '' and an empty list or object. Without formulas it is `compileTemplate`.
 *
 * @throws TielineError `definition_invalid`, also for an unknown formula
 */
export function compileMapping(source: unknown): Mapping {
  if (!holdsFormula(source)) return compileTemplate(source);
  if (Array.isArray(source)) {
    const items = source.map(compileMapping);
    return { evaluate: (...given) => items.map((it) => it.evaluate(...given)).filter((it) => it !== undefined) };
  }
  const entries = Object.entries(source as object);
  const [first, ...others] = entries;
  if (first?.[0].startsWith('$') && others.length === 0) return compileFormula(...first);
  const fields = entries.map(([key, value]) => [key, compileMapping(value)] as const);
  return {
    evaluate: (...given) =>
      Object.fromEntries(
        fields.map(([key, it]) => [key, it.evaluate(...given)] as const).filter(([, value]) => value !== undefined),
      ),
  };
}

function holdsFormula(source: unknown): boolean {
  if (source === null || typeof source !== 'object') return false;
  return Object.entries(source).some(([key, it]) => key.startsWith('$') || holdsFormula(it));
}

function compileFormula(name: string, source: unknown): Mapping {
  const compile = FORMULAS[name as keyof typeof FORMULAS] as ((source: unknown) => Evaluate) | undefined;
  if (!Object.hasOwn(FORMULAS, name) || !compile)
    throw invalid(name, `is no formula: ${Object.keys(FORMULAS).join(', ')}`);
  return { evaluate: compile(source) };
}

const FORMULAS = {
  /** A path into the scope; `$.` before it means nothing, and `\.` is a dot in a name. */
  $var: (source: unknown): Evaluate => {
    const path = textOf('$var', source);
    const names = [
      ...path.replace(/^\$\./, '').matchAll(/\[\s*(?:'([^']*)'|"([^"]*)"|(\d+))\s*\]|((?:\\.|[^.[\]\\])+)/g),
    ];
    const keys = names.map(([, one, two, index, word]) => one ?? two ?? index ?? word?.replace(/\\(.)/g, '$1') ?? '');
    if (keys.length === 0) throw invalid('$var', 'needs a path');
    return (scope) => keys.reduce<unknown>(propertyOf, scope);
  },
  $template: (source: unknown): Evaluate => compileTemplate(textOf('$template', source)).evaluate,
  $concat: (source: unknown): Evaluate => {
    const { values, delimiter = '' } = Array.isArray(source) ? { values: source } : partsOf('$concat', source);
    const items = listOf('$concat', values);
    return (...given) =>
      items
        .map((it) => it.evaluate(...given))
        .filter((it) => !isEmpty(it))
        .map((it) => (typeof it === 'object' ? JSON.stringify(it) : String(it)))
        .join(String(delimiter));
  },
  $firstNotEmpty: (source: unknown): Evaluate => {
    const items = listOf('$firstNotEmpty', source);
    return (...given) => {
      for (const it of items) {
        const value = it.evaluate(...given);
        if (!isEmpty(value)) return value;
      }
      return undefined;
    };
  },
  $and: (source: unknown): Evaluate => {
    const items = listOf('$and', source);
    return (...given) => items.every((it) => isTrue(it.evaluate(...given)));
  },
  $or: (source: unknown): Evaluate => {
    const items = listOf('$or', source);
    return (...given) => items.some((it) => isTrue(it.evaluate(...given)));
  },
  $if: (source: unknown): Evaluate => {
    const parts = partsOf('$if', source);
    const [condition, then, otherwise] = [parts.condition, parts.then, parts.else].map(compileMapping);
    return (...given) => (isTrue(condition?.evaluate(...given)) ? then : otherwise)?.evaluate(...given);
  },
  $case: (source: unknown): Evaluate => {
    const { cases, default: last } = partsOf('$case', source);
    if (!Array.isArray(cases)) throw invalid('$case', 'needs a list of cases');
    const branches = cases.map((it) => {
      const { filter, value } = partsOf('$case', it);
      return { filter: compileMapping(filter), value: compileMapping(value) };
    });
    const otherwise = compileMapping(last);
    return (...given) =>
      (branches.find((it) => isTrue(it.filter.evaluate(...given)))?.value ?? otherwise).evaluate(...given);
  },
  $map: (source: unknown): Evaluate => {
    const { value, mapping, default: last } = partsOf('$map', source);
    if (!Array.isArray(mapping)) throw invalid('$map', 'needs a mapping: a list of from and to');
    const pairs = mapping.map((it) => partsOf('$map', it));
    const [wanted, otherwise] = [compileMapping(value), compileMapping(last)];
    const results = pairs.map((it) => ({ from: compileMapping(it.from), to: compileMapping(it.to) }));
    return (...given) => {
      const key = wanted.evaluate(...given);
      return (results.find((it) => it.from.evaluate(...given) === key)?.to ?? otherwise).evaluate(...given);
    };
  },
  $eval: (source: unknown): Evaluate => {
    const { variable, operator, values = [] } = partsOf('$eval', source);
    const compare = OPERATORS[operator as keyof typeof OPERATORS];
    if (typeof operator !== 'string' || !Object.hasOwn(OPERATORS, operator)) {
      throw invalid('$eval', `has no operator ${String(operator)}: ${Object.keys(OPERATORS).join(', ')}`);
    }
    const [left, right] = [compileMapping(variable), compileMapping([values].flat())];
    return (...given) => compare(left.evaluate(...given), right.evaluate(...given) as readonly unknown[]);
  },
};

type Operator = (left: unknown, right: readonly unknown[]) => boolean;

const OPERATORS = {
  is: (left, [right]) => left === right,
  isNot: (left, [right]) => left !== right,
  isEmpty: (left) => isEmpty(left),
  isNotEmpty: (left) => !isEmpty(left),
  contains: (left, [right]) => contains(left, right),
  doesNotContain: (left, [right]) => !contains(left, right),
  oneOf: (left, right) => right.includes(left),
  noneOf: (left, right) => !right.includes(left),
  gt: (left, [right]) => Number(left) > Number(right),
  gte: (left, [right]) => Number(left) >= Number(right),
  lt: (left, [right]) => Number(left) < Number(right),
  lte: (left, [right]) => Number(left) <= Number(right),
} satisfies Record<string, Operator>;

function contains(left: unknown, right: unknown): boolean {
  return typeof left === 'string' ? left.includes(String(right)) : Array.isArray(left) && left.includes(right);
}

function propertyOf(value: unknown, key: string): unknown {
  if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key];
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

const isTrue = (value: unknown): boolean => !isEmpty(value) && value !== false && value !== 0;

function textOf(name: string, source: unknown): string {
  if (typeof source !== 'string') throw invalid(name, 'needs a text');
  return source;
}

function listOf(name: string, source: unknown): Mapping[] {
  if (!Array.isArray(source)) throw invalid(name, 'needs a list');
  return source.map(compileMapping);
}

function partsOf(name: string, source: unknown): Record<string, unknown> {
  if (source === null || typeof source !== 'object' || Array.isArray(source)) throw invalid(name, 'needs an object');
  return { ...source };
}

const invalid = (name: string, why: string): TielineError => new TielineError('definition_invalid', `${name} ${why}`);
