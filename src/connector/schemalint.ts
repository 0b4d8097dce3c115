import safeRegex from 'safe-regex2';
import type { Path, Report } from './problem.ts';
import { isPattern, type JsonSchema } from './values.ts';

const TYPES = new Set<unknown>(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null']);
/** Where JSON Schema 2020-12 has schemas inside a schema. */
const NAMED = ['properties', 'patternProperties', 'dependentSchemas', '$defs'];
const LISTED = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const SINGLE = ['items', 'contains', 'additionalProperties', 'propertyNames', 'not', 'if', 'then', 'else'];

/** A slip in a schema shows only when somebody calls the tool, and then as a fault of the arguments. */
export function lintSchema(schema: unknown, path: Path, report: Report): void {
  if (typeof schema === 'boolean') return;
  if (!isMapping(schema)) {
    report(path, 'schema', 'a schema is a mapping, true or false');
    return;
  }
  for (const type of [schema.type ?? []].flat()) {
    if (!TYPES.has(type)) report([...path, 'type'], 'schema', `${String(type)} is no type of JSON Schema`);
  }
  for (const key of ['required', 'enum']) {
    if (schema[key] !== undefined && !Array.isArray(schema[key])) report([...path, key], 'schema', `${key} is a list`);
  }
  if (typeof schema.pattern === 'string') lintPattern(schema.pattern, schema.maxLength, [...path, 'pattern'], report);
  for (const key of NAMED) {
    const inner = schema[key] ?? {};
    if (!isMapping(inner)) report([...path, key], 'schema', `${key} is a mapping from names to schemas`);
    else for (const [name, it] of Object.entries(inner)) lintSchema(it, [...path, key, name], report);
  }
  for (const key of LISTED) {
    const inner = schema[key] ?? [];
    if (!Array.isArray(inner)) report([...path, key], 'schema', `${key} is a list of schemas`);
    else for (const [i, it] of inner.entries()) lintSchema(it, [...path, key, i], report);
  }
  for (const key of SINGLE) if (schema[key] !== undefined) lintSchema(schema[key], [...path, key], report);
}

/** A pattern runs on what a model sends: it must not take for ever. */
function lintPattern(pattern: string, maxLength: unknown, path: Path, report: Report): void {
  if (!isPattern(pattern, 'u')) report(path, 'pattern', 'the pattern is no regular expression');
  else if (!safeRegex(pattern)) report(path, 'pattern', 'the pattern can take exponential time');
  if (maxLength === undefined) report(path, 'pattern', 'a pattern needs maxLength beside it');
}

/** Fields that sound secret must be marked so, as unmarked ones are shown while typed. */
export function lintSecrets(schema: JsonSchema, path: Path, report: Report): void {
  for (const [name, field] of Object.entries(propertiesOf(schema))) {
    if (!/(secret|password|token|api_?key|private_?key)$/i.test(name)) continue;
    if (isMapping(field) && field.secret === true) continue;
    report([...path, 'properties', name], 'secret', `${name} sounds secret: mark it with secret: true`);
  }
}

/** The properties of a schema, of which nothing is known yet. */
export const propertiesOf = ({ properties }: JsonSchema): Readonly<Record<string, unknown>> =>
  isMapping(properties) ? properties : {};

const isMapping = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
