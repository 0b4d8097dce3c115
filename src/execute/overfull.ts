import type { JsonSchema } from '../connector/values.ts';

/** Fields of an object that may not have any, and items of a list that may not repeat: each costs a validator much. */
const MOST = 1_000;

/** What says of every field of an object whether it may be there, or what it may be. */
const OF_EACH_FIELD = ['additionalProperties', 'patternProperties', 'propertyNames', 'unevaluatedProperties'] as const;

type Schema = Readonly<Record<string, unknown>>;

/** Where arguments have more of something than is looked at one by one, and what; undefined where they have not. */
export function findOverfull(
  schema: JsonSchema,
  args: unknown,
): { readonly at: string; readonly text: string } | undefined {
  return overfull(schema, args, '');
}

function overfull(schema: unknown, value: unknown, at: string): ReturnType<typeof findOverfull> {
  if (!isObject(schema) || !isObject(value)) return undefined;
  for (const branch of [schema.allOf, schema.anyOf, schema.oneOf].flat()) {
    const found = overfull(branch, value, at);
    if (found) return found;
  }
  return Array.isArray(value) ? inList(schema, value, at) : inFields(schema, value, at);
}

function inList(schema: Schema, value: readonly unknown[], at: string): ReturnType<typeof findOverfull> {
  if (schema.uniqueItems === true && value.length > MOST) return { at, text: `has more than ${MOST} items` };
  if (!isObject(schema.items)) return undefined;
  for (const [index, item] of value.entries()) {
    const found = overfull(schema.items, item, `${at}.${index}`);
    if (found) return found;
  }
  return undefined;
}

function inFields(schema: Schema, value: Schema, at: string): ReturnType<typeof findOverfull> {
  const isChecked = OF_EACH_FIELD.some((it) => schema[it] !== undefined && schema[it] !== true);
  if (isChecked && Object.keys(value).length > MOST) return { at, text: `has more than ${MOST} fields` };
  const properties = isObject(schema.properties) ? schema.properties : {};
  for (const [name, field] of Object.entries(value)) {
    const own = Object.hasOwn(properties, name);
    const found = overfull(own ? properties[name] : schema.additionalProperties, field, `${at}.${own ? name : '*'}`);
    if (found) return found;
  }
  return undefined;
}

const isObject = (value: unknown): value is Schema => typeof value === 'object' && value !== null;
