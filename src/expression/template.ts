import { TielineError } from '../errors.ts';
import type { Scope } from './expression.ts';
import type { Scripts } from './sandbox.ts';
import { describe, type Expression, splitText, type TemplateFacts } from './text.ts';

export { compilePathTemplate, type PathTemplate } from './segment.ts';
export type { Scope };

export type Template = TemplateFacts & {
  /** @throws TielineError `expression_failed` */
  evaluate(scope: Scope, scripts?: Scripts): unknown;
};

type Evaluate = Template['evaluate'];
type Node = { readonly literal: unknown } | { readonly evaluate: Evaluate };

/** Deeper trees are a mistake, or a YAML alias that holds itself. */
const DEEPEST = 100;

/**
 * Compiles a JSON tree in which any string may hold `{{ expression }}`. A string that is one expression keeps its
 * type; in a longer text objects and arrays appear as JSON, and a null or undefined part makes the text undefined.
 * Undefined drops the key or the element that holds it. A tree without expressions evaluates to one frozen value.
 *
 * Slips of syntax are found here, all of them once the sandbox is loaded.
 * @throws TielineError `definition_invalid` with the offending text
 */
export function compileTemplate(source: unknown): Template {
  const expressions: Expression[] = [];
  const node = compileNode(source, expressions, 0);
  const evaluate: Evaluate = 'literal' in node ? () => node.literal : node.evaluate;
  return { evaluate, ...describe(expressions) };
}

function compileNode(source: unknown, expressions: Expression[], depth: number): Node {
  if (depth > DEEPEST) throw new TielineError('definition_invalid', `a value is nested more than ${DEEPEST} deep`);
  if (typeof source === 'string') return compileText(source, expressions);
  if (Array.isArray(source)) {
    const nodes = source.map((item: unknown) => compileNode(item, expressions, depth + 1));
    if (nodes.every(isLiteral))
      return { literal: Object.freeze(nodes.map(({ literal }) => literal).filter(isDefined)) };
    return { evaluate: (scope, scripts) => nodes.map((node) => fill(node, scope, scripts)).filter(isDefined) };
  }
  if (isPlainObject(source)) return compileObject(source, expressions, depth);
  const isJson = source === undefined || source === null || typeof source === 'boolean' || Number.isFinite(source);
  if (!isJson) throw new TielineError('definition_invalid', `a ${typeof source} is not a JSON value`);
  return { literal: source };
}

function compileObject(source: object, expressions: Expression[], depth: number): Node {
  const nodes = Object.entries(source).map(([key, value]): readonly [string, Node] => {
    if (key.includes('{{')) throw new TielineError('definition_invalid', `a key cannot hold an expression: ${key}`);
    return [key, compileNode(value, expressions, depth + 1)];
  });
  // fromEntries makes own properties, also of a key like __proto__
  const evaluate: Evaluate = (scope, scripts) => {
    const fields: (readonly [string, unknown])[] = [];
    for (const [key, node] of nodes) {
      const value = fill(node, scope, scripts);
      if (value !== undefined) fields.push([key, value]);
    }
    return Object.fromEntries(fields);
  };
  return nodes.every(([, node]) => isLiteral(node)) ? { literal: Object.freeze(evaluate({})) } : { evaluate };
}

function compileText(source: string, expressions: Expression[]): Node {
  const parts = splitText(source);
  expressions.push(...parts.filter((part) => typeof part !== 'string'));
  if (parts.every((part) => typeof part === 'string')) return { literal: source };
  // a block scalar of YAML ends with a line break
  const [only, ...others] = parts.filter((part) => typeof part !== 'string' || !/^[\r\n]+$/.test(part));
  if (typeof only === 'object' && others.length === 0) return { evaluate: (...given) => only.evaluate(...given) };
  return {
    evaluate(scope, scripts) {
      let text = '';
      for (const part of parts) {
        const value = typeof part === 'string' ? part : part.evaluate(scope, scripts);
        if (value === undefined || value === null) return undefined;
        text += typeof value === 'object' ? JSON.stringify(value) : String(value);
      }
      return text;
    },
  };
}

function isLiteral(node: Node): node is { readonly literal: unknown } {
  return 'literal' in node;
}

function fill(node: Node, scope: Scope, scripts: Scripts | undefined): unknown {
  return 'literal' in node ? node.literal : node.evaluate(scope, scripts);
}

function isDefined(value: unknown): boolean {
  return value !== undefined;
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
