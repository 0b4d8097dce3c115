import { type OutputUnit, Validator } from '@cfworker/json-schema';
import { nearest } from '../connector/problem.ts';
import type { JsonSchema } from '../connector/values.ts';
import { TielineError } from '../errors.ts';

/** Interpreted, so that no definition becomes code; compiled on first use and kept as long as its schema lives. */
const validators = new WeakMap<JsonSchema, Validator>();

const MOST_PROBLEMS = 8;

/** Throws `arguments_invalid` that names every argument at fault and what it should be. */
export function checkArguments(schema: JsonSchema, args: unknown, what = 'the arguments'): void {
  let validator = validators.get(schema);
  if (!validator) {
    validator = new Validator(schema as object, '2020-12', false);
    validators.set(schema, validator);
  }
  const { valid, errors } = validator.validate(args);
  if (valid) return;
  const problems = [...new Set(leaves(errors).map((it) => explain(it, schema)))];
  throw new TielineError('arguments_invalid', `${what} do not fit: ${problems.slice(0, MOST_PROBLEMS).join('; ')}`, {
    hint: 'Correct them and call again.',
  });
}

/** The findings at the bottom: those that are not merely about another finding inside them. */
function leaves(errors: readonly OutputUnit[]): readonly OutputUnit[] {
  const inner = errors.filter(
    (it) => !['properties', 'items', 'allOf', 'anyOf', 'oneOf', 'prefixItems'].includes(it.keyword),
  );
  return inner.length > 0 ? inner.filter((it) => it.keyword !== 'false') : errors;
}

function explain({ instanceLocation, keyword, error }: OutputUnit, schema: JsonSchema): string {
  const at = instanceLocation.replace(/^#\/?/, '').replaceAll('/', '.');
  if (keyword === 'additionalProperties') {
    const name = /^Property "(.*)" does not match/.exec(error)?.[1] ?? '';
    const near =
      at === '' ? nearest(name, Object.keys((schema as { properties?: object }).properties ?? {})) : undefined;
    return `${at ? `${at}.` : ''}${name} is not known${near ? `, did you mean ${near}?` : ''}`;
  }
  if (keyword === 'required') {
    const name = /property "(.*)"/.exec(error)?.[1] ?? '';
    return `${at ? `${at}.` : ''}${name} is missing`;
  }
  const plain = error
    .replace(/^Instance type "(\w+)" is invalid\. Expected "([^"]+)"\.$/, 'is $1, not $2')
    .replace(/^Instance does not match any of /, 'is none of ')
    .replace(/^Items? /, '')
    .replace(/\.$/, '');
  return `${at || 'the value'}: ${plain}`;
}
