import { format, type OutputUnit, Validator } from '@cfworker/json-schema';
import { nearest } from '../connector/problem.ts';
import { formOf } from '../connector/schema.ts';
import type { JsonSchema } from '../connector/values.ts';
import { TielineError } from '../errors.ts';
import { fitsSurely } from './fits.ts';
import { findOverfull } from './overfull.ts';

// The library's own pattern for it takes twice as long for each character more.
format.url = (text) => /^(?:https?|ftp):/i.test(text) && URL.canParse(text);

type Validators = WeakMap<JsonSchema, Validator>;

/** Interpreted, so that no definition becomes code; compiled on first use and kept as long as its schema lives. */
const thorough: Validators = new WeakMap();
/** These stop at the first problem of each list and object. */
const brief: Validators = new WeakMap();

const MOST_PROBLEMS = 8;
const LONGEST_NAME = 80;
/** Arguments of more values are looked through for one problem only: each that is found costs as much as many values. */
const FEW_VALUES = 2_000;

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
  const isLarge = isMore(args, { values: FEW_VALUES });
  const excess = isLarge ? findOverfull(schema, args) : undefined;
  if (excess) return [finding(excess.at.slice(1) || 'the value', excess.text)];
  const { valid, errors } = validatorOf(schema, isLarge).validate(args);
  if (valid) return [];
  const found = leaves(errors).map((it) => explain(it, schema));
  return found.length > 0 ? found : [finding('the value', 'is not allowed')];
}

function validatorOf(schema: JsonSchema, isBrief: boolean): Validator {
  const kept = isBrief ? brief : thorough;
  let validator = kept.get(schema);
  if (!validator) {
    validator = new Validator(schema as object, '2020-12', isBrief);
    kept.set(schema, validator);
  }
  return validator;
}

/** Whether there are more values inside than are left. */
function isMore(value: unknown, left: { values: number }): boolean {
  left.values -= 1;
  if (left.values < 0) return true;
  if (typeof value !== 'object' || value === null) return false;
  for (const name in value) if (isMore((value as Readonly<Record<string, unknown>>)[name], left)) return true;
  return false;
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

export const MISSING = 'is missing';

const finding = (at: string, text: string): Finding => ({ at, text, message: `${at} ${text}` });

/** A name as a message can show it: the caller chose it. */
const nameIn = (match: RegExpExecArray | null): string =>
  (match?.[1] ?? '').slice(0, LONGEST_NAME).replace(/\p{C}/gu, ' ');
