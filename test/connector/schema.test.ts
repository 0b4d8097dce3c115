import { Validator } from '@cfworker/json-schema';
import { describe, expect, it } from 'vitest';
import { extendSchema, inlineSchema, withDefaults } from '../../src/connector/schema.ts';
import type { JsonSchema } from '../../src/connector/values.ts';

const ref = (name: string) => ({ $ref: `#/schemas/${name}` });

describe('inlineSchema', () => {
  const named: Record<string, JsonSchema> = {
    label: { type: 'string', description: 'A word.' },
    labels: { type: 'array', items: ref('label') },
    self: { properties: { inner: ref('self') } },
    ping: { items: ref('pong') },
    pong: { items: ref('ping') },
    'with-hyphen': { type: 'integer' },
  };
  const label = { type: 'string', description: 'A word.' };

  it.each<[string, JsonSchema, unknown]>([
    ['nothing to do', { type: 'object', required: ['a'] }, { type: 'object', required: ['a'] }],
    ['a reference', ref('label'), label],
    ['one in a property', { properties: { a: ref('label') } }, { properties: { a: label } }],
    ['one in a list', { anyOf: [ref('label'), { type: 'null' }] }, { anyOf: [label, { type: 'null' }] }],
    ['one that refers on', ref('labels'), { type: 'array', items: label }],
    ['the same twice', { items: ref('label'), not: ref('label') }, { items: label, not: label }],
    ['a name with a hyphen', ref('with-hyphen'), { type: 'integer' }],
    [
      'a key beside it, which wins',
      { ...ref('label'), description: 'Mine.', default: 'x' },
      { type: 'string', description: 'Mine.', default: 'x' },
    ],
    [
      'a property of the name $ref',
      { properties: { $ref: { type: 'string' } } },
      { properties: { $ref: { type: 'string' } } },
    ],
    [
      'a property of the name x-file',
      { properties: { 'x-file': { type: 'string' } } },
      { properties: { 'x-file': { type: 'string' } } },
    ],
    ['x-file that is off', { type: 'string', 'x-file': false }, { type: 'string', 'x-file': false }],
    ['null', { default: null }, { default: null }],
  ])('%s', (_, schema, inlined) => {
    const before = structuredClone(schema);
    expect(inlineSchema(schema, named)).toEqual(inlined);
    expect(schema).toEqual(before);
  });

  it('x-file takes a file and nothing else', () => {
    const schema = inlineSchema({ 'x-file': true, description: 'The report.' }, {});
    expect(schema).toMatchObject({ type: 'object', description: 'The report.', required: ['name'] });
    const takes = (value: unknown) => new Validator(schema as object, '2020-12').validate(value).valid;
    expect(takes({ name: 'a.txt', mimeType: 'text/plain', text: 'hello' })).toBe(true);
    expect(takes({ name: 'a.bin', base64: 'AAAA' })).toBe(true);
    expect(takes({ text: 'hello' })).toBe(false);
    expect(takes({ name: 'a', path: '/etc/passwd' })).toBe(false);
    expect(takes('a.txt')).toBe(false);
  });

  it.each([
    ['itself', ref('self'), 'schema self contains itself'],
    ['itself by way of another', ref('ping'), 'schema ping contains itself'],
    ['nothing there is', ref('absent'), '$ref #/schemas/absent names no schema of this file'],
    ['an inherited name', ref('toString'), '$ref #/schemas/toString names no schema of this file'],
    ['__proto__', ref('__proto__'), '$ref #/schemas/__proto__ names no schema of this file'],
    ['another place in the file', { $ref: '#/$defs/a' }, '$ref #/$defs/a names no schema of this file'],
    [
      'another file',
      { $ref: 'https://example.com/a.json' },
      '$ref https://example.com/a.json names no schema of this file',
    ],
  ])('refuses a reference to %s', (_, schema, message) => {
    const refused = () => inlineSchema({ properties: { a: schema } }, named);
    expect(refused).toThrow(expect.objectContaining({ code: 'definition_invalid', message }));
  });

  it('tells every fault with its path, when asked', () => {
    const faults: string[] = [];
    const schema = { properties: { a: ref('absent'), b: ref('self'), c: { items: [ref('gone')] } } };
    const inlined = inlineSchema(schema, named, (path, message) => faults.push(`${path.join('.')}: ${message}`), [
      'params',
    ]);
    expect(faults).toEqual([
      'params.properties.a.$ref: $ref #/schemas/absent names no schema of this file',
      'schemas.self.properties.inner.$ref: schema self contains itself',
      'params.properties.c.items.0.$ref: $ref #/schemas/gone names no schema of this file',
    ]);
    expect(JSON.stringify(inlined)).not.toContain('$ref');
  });

  it('refuses to grow without bounds', () => {
    const doubling = Object.fromEntries(
      Array.from({ length: 60 }, (_, i) => [
        `s${i}`,
        i === 59 ? { type: 'string' } : { anyOf: [ref(`s${i + 1}`), ref(`s${i + 1}`)] },
      ]),
    );
    const grow = () => inlineSchema(ref('s0'), doubling);
    expect(grow).toThrow(
      expect.objectContaining({ code: 'definition_invalid', message: expect.stringContaining('20000') }),
    );
  });
});

describe('extendSchema', () => {
  it('adds properties, which win, and refuses all others', () => {
    const schema: JsonSchema = { type: 'object', required: ['a'], properties: { a: { type: 'string' }, b: {} } };
    const extended = extendSchema(schema, { b: { type: 'integer' } });
    expect(extended).toEqual({
      type: 'object',
      required: ['a'],
      properties: { a: { type: 'string' }, b: { type: 'integer' } },
      additionalProperties: false,
    });
    expect(schema).not.toHaveProperty('additionalProperties');
  });

  it('makes an object schema of an empty one', () => {
    expect(extendSchema({}, {})).toEqual({ type: 'object', properties: {}, additionalProperties: false });
  });
});

describe('withDefaults', () => {
  const schema: JsonSchema = {
    properties: {
      a: { default: 1 },
      b: { default: null },
      c: { default: false },
      d: { type: 'string' },
      e: { properties: { inner: { default: 1 } } },
      f: true,
      g: null,
      toString: { default: 'mine' },
    },
  };

  it.each([
    ['fills in what is absent', {}, { a: 1, b: null, c: false, toString: 'mine' }],
    ['keeps what is given', { a: 0, b: 2, c: null, d: '' }, { a: 0, b: 2, c: null, d: '', toString: 'mine' }],
    ['takes undefined as absent', { a: undefined }, { a: 1, b: null, c: false, toString: 'mine' }],
    [
      'leaves deeper ones and unknown ones',
      { e: {}, x: 1 },
      { a: 1, b: null, c: false, e: {}, x: 1, toString: 'mine' },
    ],
  ])('%s', (_, args, filled) => {
    const before = { ...args };
    expect(withDefaults(schema, args)).toEqual(filled);
    expect(args).toEqual(before);
  });

  it('needs no properties', () => {
    expect(withDefaults({}, { a: 1 })).toEqual({ a: 1 });
  });
});
