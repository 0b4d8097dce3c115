import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonSchema } from '../../src/connector/values.ts';
import { fitsSurely } from '../../src/execute/fits.ts';
import { findProblems } from '../../src/execute/validate.ts';

const schema: JsonSchema = {
  type: 'object',
  required: ['owner'],
  additionalProperties: false,
  properties: {
    owner: { type: 'string', description: 'Whose it is', minLength: 1, maxLength: 5 },
    state: { type: 'string', enum: ['open', 'closed'], default: 'open' },
    count: { type: 'integer', minimum: 1, maximum: 9 },
    share: { type: 'number' },
    draft: { type: 'boolean' },
    to: { type: 'string', format: 'email' },
    labels: { type: 'array', items: { type: 'string' } },
    note: { type: ['string', 'null'] },
  },
};

describe('fitsSurely', () => {
  it.each([
    { owner: 'ab' },
    { owner: 'acme', state: 'open', count: 9, share: 0.5, draft: false },
    { owner: 'acme', share: -1e300, count: 1 },
  ])('is sure of %j', (args) => {
    expect(fitsSurely(schema, args)).toBe(true);
    expect(findProblems(schema, args)).toEqual([]);
  });

  it.each([
    ['what is missing', {}],
    ['what is inherited', Object.create({ owner: 'acme' })],
    ['what is not known', { owner: 'acme', other: 1 }],
    ['a name that every object has', JSON.parse('{"owner":"acme","__proto__":"x"}')],
    ['another type', { owner: 7 }],
    ['a choice there is not', { owner: 'acme', state: 'gone' }],
    ['a number out of bounds', { owner: 'acme', count: 10 }],
    ['a fraction', { owner: 'acme', count: 1.5 }],
    ['no number', { owner: 'acme', share: Number.NaN }],
    ['nothing', { owner: undefined }],
    ['a longer text', { owner: 'abcdef' }],
    ['a list', ['acme']],
    ['null', null],
    ['what only a validator can tell', { owner: 'acme', to: 'a@b.example' }],
    ['what may be several things', { owner: 'acme', note: null }],
  ])('is not sure of %s', (_, args) => {
    expect(fitsSurely(schema, args)).toBe(false);
  });

  it.each<[string, JsonSchema]>([
    ['more is said of the whole', { ...(schema as object), minProperties: 2 }],
    ['there may be more', { ...(schema as object), additionalProperties: true }],
    ['it is not said that there may not', { type: 'object', properties: { owner: { type: 'string' } } }],
    ['nothing does', { ...(schema as object), properties: { owner: false } }],
    ['more is said of a field', { ...(schema as object), properties: { owner: { type: 'string', pattern: 'x' } } }],
  ])('is never sure where %s', (_, other) => {
    expect(fitsSurely(other, { owner: 'acme' })).toBe(false);
  });

  it('is never sure of what the validator refuses', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 7 }),
      fc.constantFrom('open', 'closed', true, null, undefined),
      fc.integer({ min: -2, max: 12 }),
      fc.double(),
      fc.jsonValue({ maxDepth: 1 }),
    );
    const names = fc.constantFrom(...Object.keys((schema as { properties: object }).properties), 'more', '__proto__');
    const field = fc.record(
      {
        type: fc.constantFrom('string', 'integer', 'number', 'boolean'),
        enum: fc.array(fc.oneof(fc.string(), fc.integer())),
        minimum: fc.integer({ min: -3, max: 3 }),
        maximum: fc.integer({ min: 0, max: 9 }),
        minLength: fc.nat(3),
        maxLength: fc.nat(5),
      },
      { requiredKeys: ['type'] },
    );
    const other = fc
      .dictionary(names, field)
      .map((properties) => ({ ...(schema as object), required: [], properties }));
    fc.assert(
      fc.property(fc.oneof(fc.constant(schema), other), fc.dictionary(names, value), (schema, args) => {
        if (fitsSurely(schema as JsonSchema, args)) expect(findProblems(schema as JsonSchema, args)).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });
});
