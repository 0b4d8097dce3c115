import { TielineError } from '../errors.ts';
import type { Path } from './problem.ts';
import type { JsonSchema } from './values.ts';

/** What an argument marked `x-file` takes: a file given inline. */
const FILE: JsonSchema = {
  type: 'object',
  required: ['name'],
  properties: {
    name: { type: 'string', description: 'File name.' },
    mimeType: { type: 'string', description: 'For example text/plain. Guessed from the name by default.' },
    text: { type: 'string', description: 'The content, of a text file.' },
    base64: { type: 'string', description: 'The content as base64, of any other file.' },
  },
  additionalProperties: false,
};

/** Each reference is copied out, so a few lines that refer to each other twice could grow to gigabytes. */
const MOST_NODES = 20_000;

type Complain = (path: Path, message: string) => void;

/**
 * The schema with every `#/schemas/<name>` reference replaced by the schema it names, as many clients cannot
 * follow references, and with `x-file` spelled out. What cannot be replaced is left out and told to `complain` with
 * its path, which starts with `path` or with schemas.<name>.
 */
export function inlineSchema(
  schema: JsonSchema,
  named: Readonly<Record<string, JsonSchema>>,
  complain: Complain = refuse,
  path: Path = [],
): JsonSchema {
  let nodes = 0;
  const visit = (node: unknown, at: Path, open: readonly string[]): unknown => {
    if (node === null || typeof node !== 'object') return node;
    nodes += 1;
    if (nodes === MOST_NODES) complain(path, `with its references copied out the schema has over ${MOST_NODES} parts`);
    if (nodes >= MOST_NODES) return {};
    if (Array.isArray(node)) return node.map((it, i) => visit(it, [...at, i], open));
    const own = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, visit(value, [...at, key], open)]));
    // A property may have either name as well: then the value is its schema.
    const { $ref: reference, 'x-file': isFile, ...rest } = own;
    if (isFile === true) return { ...FILE, ...rest };
    if (typeof reference !== 'string') return own;
    const name = /^#\/schemas\/(.+)$/.exec(reference)?.[1] ?? '';
    if (!Object.hasOwn(named, name)) {
      complain([...at, '$ref'], `$ref ${reference} names no schema of this file`);
      return rest;
    }
    if (open.includes(name)) {
      complain([...at, '$ref'], `schema ${name} contains itself`);
      return rest;
    }
    return { ...(visit(named[name], ['schemas', name], [...open, name]) as object), ...rest };
  };
  return visit(schema, path, []) as JsonSchema;
}

function refuse(_: Path, message: string): never {
  throw new TielineError('definition_invalid', message);
}

/** What the schema of a form says of one field. */
export type Field = {
  readonly type?: string;
  readonly title?: string;
  readonly description?: string;
  /** `multiline` for texts such as a private key. */
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly secret?: boolean;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
};

/** The fields that a form asks for, and the names of those that must be filled in. */
export function formOf(schema: JsonSchema | undefined): {
  readonly fields: Readonly<Record<string, Field>>;
  readonly required: readonly string[];
} {
  const { properties = {}, required = [] } = (schema ?? {}) as {
    properties?: Record<string, Field>;
    required?: string[];
  };
  return { fields: properties, required };
}

type ObjectSchema = { properties?: Record<string, unknown>; required?: string[] };

/** The schema with more properties, refusing all it does not name. */
export function extendSchema(schema: JsonSchema, more: Record<string, unknown>): JsonSchema {
  const { properties = {} } = schema as ObjectSchema;
  return {
    ...schema,
    type: 'object',
    properties: { ...properties, ...more },
    additionalProperties: false,
  } as JsonSchema;
}

/** The arguments with the `default` of each absent top-level property filled in. */
export function withDefaults(schema: JsonSchema, args: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const filled: Record<string, unknown> = { ...args };
  for (const [name, property] of Object.entries((schema as ObjectSchema).properties ?? {})) {
    const value = (property as { default?: unknown } | null)?.default;
    const absent = !Object.hasOwn(filled, name) || filled[name] === undefined;
    if (value !== undefined && absent) filled[name] = value;
  }
  return filled;
}
