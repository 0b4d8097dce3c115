import { type OutputUnit, Validator } from '@cfworker/json-schema';
import { nearest } from '../connector/problem.ts';
import { formOf } from '../connector/schema.ts';
import type { JsonSchema } from '../connector/values.ts';
import { TielineError } from '../errors.ts';
import { fitsSurely } from './fits.ts';

/** Interpreted, so that no definition becomes code; compiled on first use and kept as long as its schema lives. */
const validators = new WeakMap<JsonSchema, Validator>();

const MOST_PROBLEMS = 8;
const LONGEST_NAME = 80;
/** Fields of an object that has only those of its schema, before it is refused as a whole. */
const MOST_FIELDS = 1_000;
/** Errors that are explained, at most. */
const MOST_EXPLAINED = 100;

/** What is wrong with one argument; `at` is its path, empty for the whole. */
export type Finding = { readonly at: string; readonly text: string; readonly message: string };

/** Throws `arguments_invalid` that names every argument at fault and what it should be. */
export function checkArguments(schema: JsonSchema, args: unknown, what = 'the arguments'): void {
  if (fitsSurely(schema, args)) return;
  const problems = [...new Set(findProblems(schema, args).map((it) => it.message))];
  if (problems.length === 0) return;
  throw new TielineError('arguments_invalid', `${what} do not fit: ${problems.slice(0, MOST_PROBLEMS).join('; ')}`, {
    hint: 'Correct them and call again.',
  });
}

/** All that is wrong; never empty for arguments that do not fit. */
export function findProblems(schema: JsonSchema, args: unknown): readonly Finding[] {
  // Each unknown field would be looked at and explained, which takes a second for some hundred thousand.
  if (isClosed(schema) && isRecord(args) && Object.keys(args).length > MOST_FIELDS) {
    return [finding('the value', `has more than ${MOST_FIELDS} fields`)];
  }
  let validator = validators.get(schema);
  if (!validator) {
    validator = new Validator(schema as object, '2020-12', false);
    validators.set(schema, validator);
  }
  const { valid, errors } = validator.validate(args);
  if (valid) return [];
  const found = leaves(errors)
    .slice(0, MOST_EXPLAINED)
    .map((it) => explain(it, schema));
  return found.length > 0 ? found : [finding('the value', 'is not allowed')];
}

/** The findings at the bottom: those that are not merely about another finding inside them. */
function leaves(errors: readonly OutputUnit[]): readonly OutputUnit[] {
  const inner = errors.filter(
    (it) => !['properties', 'items', 'allOf', 'anyOf', 'oneOf', 'prefixItems'].includes(it.keyword),
  );
  return inner.length > 0 ? inner.filter((it) => it.keyword !== 'false') : errors;
}

function explain({ instanceLocation, keyword, error }: OutputUnit, schema: JsonSchema): Finding {
  const at = instanceLocation.replace(/^#\/?/, '').replaceAll('/', '.');
  if (keyword === 'additionalProperties') {
    const name = nameIn(/^Property "(.*)" does not match/s.exec(error));
    const near = at === '' ? nearest(name, Object.keys(formOf(schema).fields)) : undefined;
    return finding(at ? `${at}.${name}` : name, `is not known${near ? `, did you mean ${near}?` : ''}`);
  }
  if (keyword === 'required') {
    const name = nameIn(/property "(.*)"/s.exec(error));
    return finding(at ? `${at}.${name}` : name, MISSING);
  }
  const plain = error
    .replace(/^Instance type "(\w+)" is invalid\. Expected (.+)\.$/, (_, is: string, not: string) => {
      return `is ${is}, not ${not.replaceAll('"', '').replaceAll(', ', ' or ')}`;
    })
    .replace(/^Instance does not match any of /, 'is none of ')
    .replace(/^Instance does not match /, 'is not ')
    .replace(/^Items? /, '')
    .replace(/\.$/, '');
  return { at, text: plain, message: `${at || 'the value'}: ${plain}` };
}

const isClosed = (schema: JsonSchema): boolean =>
  (schema as { additionalProperties?: unknown }).additionalProperties === false;

const isRecord = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const MISSING = 'is missing';

const finding = (at: string, text: string): Finding => ({ at, text, message: `${at} ${text}` });

/** A name as a message can show it: the caller chose it. */
const nameIn = (match: RegExpExecArray | null): string =>
  (match?.[1] ?? '').slice(0, LONGEST_NAME).replace(/\p{C}/gu, ' ');
