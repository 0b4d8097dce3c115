import { TielineError } from '../errors.ts';
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

/**
 * The schema with every `#/schemas/<name>` reference replaced by the schema it names, as many clients cannot
 * follow references, and with `x-file` spelled out.
 */
export function inlineSchema(schema: JsonSchema, named: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const visit = (node: unknown, open: readonly string[]): unknown => {
    if (Array.isArray(node)) return node.map((it) => visit(it, open));
    if (node === null || typeof node !== 'object') return node;
    const { $ref: reference, 'x-file': isFile, ...rest } = node as Record<string, unknown>;
    const own = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, visit(value, open)]));
    if (isFile) return { ...FILE, ...own };
    if (reference === undefined) return own;
    const name = /^#\/schemas\/(\w+)$/.exec(String(reference))?.[1];
    const target = name === undefined ? undefined : named[name];
    if (name === undefined || target === undefined) {
      throw new TielineError('definition_invalid', `$ref ${String(reference)} names no schema of this file`);
    }
    if (open.includes(name)) throw new TielineError('definition_invalid', `schema ${name} contains itself`);
    return { ...(visit(target, [...open, name]) as object), ...own };
  };
  return visit(schema, []) as JsonSchema;
}

type ObjectSchema = { properties?: Record<string, unknown>; required?: string[] };

/** The schema with more properties, refusing all it does not name. */
export function extendSchema(schema: JsonSchema, more: Record<string, unknown>): JsonSchema {
  const { properties = {} } = schema as ObjectSchema;
  return { ...schema, type: 'object', properties: { ...properties, ...more }, additionalProperties: false } as JsonSchema;
}

/** The arguments with the `default` of each absent top-level property filled in. */
export function withDefaults(schema: JsonSchema, args: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const filled: Record<string, unknown> = { ...args };
  for (const [name, property] of Object.entries((schema as ObjectSchema).properties ?? {})) {
    const value = (property as { default?: unknown }).default;
    if (value !== undefined && filled[name] === undefined) filled[name] = value;
  }
  return filled;
}
