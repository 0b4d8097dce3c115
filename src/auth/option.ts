import type { AuthOptionSpec } from '../connector/authspec.ts';
import type { AuthOption } from '../connector/connector.ts';
import { TielineError } from '../errors.ts';
import type { Scripts } from '../expression/sandbox.ts';
import { compileTemplate, type Scope, type Template } from '../expression/template.ts';

/** The option's own settings, known to be of one type. */
export function optionOf<T extends AuthOptionSpec['type']>(
  option: AuthOption,
  type: T,
): Extract<AuthOptionSpec, { type: T }> {
  if (option.spec.type !== type) throw new Error(`${option.key} is ${option.spec.type}, not ${type}`);
  return option.spec as Extract<AuthOptionSpec, { type: T }>;
}

const texts = new Map<string, Template>();
const trees = new WeakMap<object, Template>();

/** The template for a part of a definition, compiled once. Definitions are few and live long. */
export function templateTree(source: string | object): Template {
  let template = typeof source === 'string' ? texts.get(source) : trees.get(source);
  if (template) return template;
  template = compileTemplate(source);
  if (typeof source === 'string') texts.set(source, template);
  else trees.set(source, template);
  return template;
}

type TextOptions = { readonly empty?: boolean; readonly scripts?: Scripts | undefined };

/** The text an expression gives. Throws `reauthorization_required` when there is none. */
export function textOf(source: string, scope: Scope, what: string, options: TextOptions = {}): string {
  const value = templateTree(source).evaluate(scope, options.scripts);
  if (typeof value === 'string' && (value !== '' || options.empty)) return value;
  throw new TielineError('reauthorization_required', `${what} is missing`, { hint: 'Connect the account again.' });
}

/** The text an expression gives, or undefined where it gives none or an empty one. */
export function optionalText(source: string | undefined, scope: Scope, scripts?: Scripts): string | undefined {
  const value = source === undefined ? undefined : templateTree(source).evaluate(scope, scripts);
  return typeof value === 'string' && value !== '' ? value : undefined;
}
