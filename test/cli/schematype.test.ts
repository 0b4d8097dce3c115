import { describe, expect, it } from 'vitest';
import { schemaType } from '../../src/cli/schematype.ts';
import type { JsonSchema } from '../../src/connector/values.ts';

const flat = (schema: JsonSchema): string => schemaType(schema).replace(/\s+/g, ' ');

describe('the type of a schema', () => {
  it.each<[JsonSchema, string]>([
    [{}, 'unknown'],
    [{ type: 'string', pattern: '^a' }, 'string'],
    [{ type: 'integer', minimum: 1 }, 'number'],
    [{ type: ['integer', 'null'] }, 'number | null'],
    [{ enum: ['a', 1, null] }, '"a" | 1 | null'],
    [{ const: 'x' }, '"x"'],
    [{ type: 'array', items: { enum: ['a', 'b'] } }, 'readonly ("a" | "b")[]'],
    [{ type: 'array' }, 'readonly (unknown)[]'],
    [{ type: 'array', prefixItems: [{ type: 'string' }], items: false }, 'readonly [(string)?]'],
    [{ anyOf: [{ type: 'string' }, { type: 'number' }] }, 'string | number'],
    [{ allOf: [{ type: 'string' }, {}] }, '(string) & (unknown)'],
    [{ type: 'object', additionalProperties: false }, 'Record<string, never>'],
    [{ type: 'object', additionalProperties: { type: 'string' } }, '{ [name: string]: string; }'],
    [{ type: 'object', properties: { a: { type: 'string' } } }, '{ a?: string; [name: string]: unknown; }'],
    [
      {
        type: 'object',
        required: ['a-b'],
        properties: { 'a-b': { type: 'boolean', description: 'Ends */ here.' }, c: { type: 'null' } },
        additionalProperties: false,
      },
      '{ /** Ends * / here. */ "a-b": boolean; c?: null; }',
    ],
    [
      { type: 'object', properties: { a: {} }, anyOf: [{ required: ['a'] }], additionalProperties: false },
      '{ a?: unknown; }',
    ],
  ])('%j', (schema, type) => {
    expect(flat(schema)).toBe(type);
  });
});
