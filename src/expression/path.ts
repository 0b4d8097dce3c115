import { TielineError } from '../errors.ts';
import { analyse, type Scope, show } from './expression.ts';
import { isProvided, RESERVED } from './names.ts';
import type { Token } from './token.ts';

/** What a getter gives when only the sandbox can tell: the name is inherited, or the value is no JSON. */
export const UNDECIDED = Symbol('undecided');

type Step = { readonly name: string; readonly optional: boolean };
type Operand = { readonly root: string; readonly steps: readonly Step[] } | { readonly literal: unknown };

const WORDS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['null', null],
  ['true', true],
  ['false', false],
  ['undefined', undefined],
]);
const DECIMAL = /^(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?$/;
const INDEX = /^(?:0|[1-9]\d{0,8})$/;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\', "'": "'", '"': '"' };
const NEVER_OWN = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Compiles member paths and literals joined by `??`, as `a.b?.c["d"][0] ?? e.f ?? 'none'`, to a getter that agrees with
 * JavaScript, or gives `UNDECIDED`. Undefined when the expression is something else, or does not parse.
 */
export function compilePath(expression: string): ((scope: Scope) => unknown) | undefined {
  const operands = parseOperands(expression);
  if (operands === undefined) return undefined;
  return (scope) => {
    let value: unknown;
    for (const operand of operands) {
      value = 'literal' in operand ? operand.literal : follow(operand.root, operand.steps, scope, expression);
      if (value !== undefined && value !== null) return value;
    }
    return value;
  };
}

function follow(root: string, steps: readonly Step[], scope: Scope, expression: string): unknown {
  let value = Object.hasOwn(scope, root) ? scope[root] : undefined;
  for (const { name, optional } of steps) {
    if (value === undefined || value === null) {
      if (optional) return undefined;
      throw new TielineError('expression_failed', `cannot read "${name}" of ${value} in ${show(expression)}`);
    }
    value = read(value, name);
    if (value === UNDECIDED) return UNDECIDED;
  }
  return value;
}

function read(value: NonNullable<unknown>, name: string): unknown {
  if (typeof value === 'string') {
    if (name === 'length') return value.length;
    if (INDEX.test(name)) return value[Number(name)];
    return name in String.prototype ? UNDECIDED : undefined;
  }
  if (typeof value === 'number') return name in Number.prototype ? UNDECIDED : undefined;
  if (typeof value === 'boolean') return name in Boolean.prototype ? UNDECIDED : undefined;
  if (Array.isArray(value)) return own(value, name, Array.prototype);
  if (typeof value !== 'object') return UNDECIDED;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? own(value, name, Object.prototype) : UNDECIDED;
}

function own(value: object, name: string, prototype: object): unknown {
  if (Object.hasOwn(value, name)) return Reflect.get(value, name);
  return name in prototype ? UNDECIDED : undefined;
}

function parseOperands(expression: string): readonly Operand[] | undefined {
  let tokens: readonly Token[];
  try {
    tokens = analyse(expression).tokens;
  } catch {
    return undefined;
  }
  const operands: Operand[] = [];
  for (let at = 0; at <= tokens.length; ) {
    const end = tokens.findIndex(({ kind, text }, index) => index >= at && kind === 'mark' && text === '??');
    const stop = end < 0 ? tokens.length : end;
    const operand = parseOperand(tokens.slice(at, stop));
    if (operand === undefined) return undefined;
    operands.push(operand);
    at = stop + 1;
  }
  return operands;
}

function parseOperand([first, ...rest]: readonly Token[]): Operand | undefined {
  if (first === undefined) return undefined;
  if (first.kind !== 'name' || WORDS.has(first.text)) {
    const literal = rest.length === 0 ? readLiteral(first) : undefined;
    return literal && { literal: literal.value };
  }
  if (RESERVED.has(first.text) || isProvided(first.text)) return undefined;
  const steps: Step[] = [];
  for (let at = 0; at < rest.length; ) {
    const optional = isMark(rest[at], '?.');
    if (isMark(rest[at], '[') || (optional && isMark(rest[at + 1], '['))) {
      const key = at + (optional ? 2 : 1);
      const name = readKey(rest[key]);
      if (name === undefined || !isMark(rest[key + 1], ']')) return undefined;
      steps.push({ name, optional });
      at = key + 2;
    } else {
      const name = rest[at + 1];
      if (!(optional || isMark(rest[at], '.')) || name?.kind !== 'name') return undefined;
      steps.push({ name: name.text, optional });
      at += 2;
    }
  }
  return steps.some(({ name }) => NEVER_OWN.has(name)) ? undefined : { root: first.text, steps };
}

function isMark(token: Token | undefined, text: string): boolean {
  return token?.kind === 'mark' && token.text === text;
}

function readKey(token: Token | undefined): string | undefined {
  if (token?.kind === 'number') return INDEX.test(token.text) ? token.text : undefined;
  const value = token?.kind === 'string' ? readLiteral(token)?.value : undefined;
  return typeof value === 'string' ? value : undefined;
}

function readLiteral({ kind, text }: Token): { readonly value: unknown } | undefined {
  if (kind === 'name') return WORDS.has(text) ? { value: WORDS.get(text) } : undefined;
  if (kind === 'number') return DECIMAL.test(text) ? { value: Number(text) } : undefined;
  if (kind !== 'string') return undefined;
  let known = true;
  const value = text.slice(1, -1).replace(/\\([\s\S])/g, (_, mark: string) => {
    known &&= Object.hasOwn(ESCAPES, mark);
    return ESCAPES[mark] ?? '';
  });
  return known ? { value } : undefined;
}
