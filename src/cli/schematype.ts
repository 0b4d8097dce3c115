import type { JsonSchema } from '../connector/values.ts';

type Node = {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly prefixItems?: readonly Schema[];
  readonly description?: string;
};

type Schema = JsonSchema | boolean | undefined;

/**
 * The TypeScript type of the values that a JSON Schema (2020-12, without references) takes. Pure. What the compiler
 * cannot say, such as a pattern, is left to the check of the arguments; so is everything about schemas it cannot read.
 */
export function schemaType(schema: Schema, indent = ''): string {
  if (schema === false) return 'never';
  if (schema === true || schema === undefined) return 'unknown';
  const node = schema as Node;
  if ('const' in node) return literal(node.const);
  if (node.enum) return union(node.enum.map(literal));
  const choice = node.anyOf ?? node.oneOf;
  // Which fields a choice asks for is said beside what fields there are.
  if (choice && !node.properties) return union(choice.map((it) => schemaType(it, indent)));
  if (node.allOf && !node.properties) return node.allOf.map((it) => `(${schemaType(it, indent)})`).join(' & ');
  const types = typeof node.type === 'string' ? [node.type] : (node.type ?? (node.properties ? ['object'] : []));
  return types.length === 0 ? 'unknown' : union(types.map((it) => named(it, node, indent)));
}

function named(type: string, node: Node, indent: string): string {
  switch (type) {
    case 'string':
    case 'boolean':
    case 'null':
      return type;
    case 'number':
    case 'integer':
      return 'number';
    case 'array':
      return arrayType(node, indent);
    case 'object':
      return objectType(node, indent);
    default:
      return 'unknown';
  }
}

function arrayType({ items, prefixItems }: Node, indent: string): string {
  if (!prefixItems) return `readonly (${schemaType(items, indent)})[]`;
  const rest = items === false ? [] : [`...(${schemaType(items, indent)})[]`];
  return `readonly [${[...prefixItems.map((it) => `(${schemaType(it, indent)})?`), ...rest].join(', ')}]`;
}

function objectType({ properties = {}, required = [], additionalProperties }: Node, indent: string): string {
  const inner = `${indent}  `;
  const fields = Object.entries(properties).map(([name, schema]) => {
    const mark = required.includes(name) ? '' : '?';
    return `${comment(descriptionOf(schema), inner)}${inner}${key(name)}${mark}: ${schemaType(schema, inner)};`;
  });
  // An index signature has to cover the fields beside it.
  const others = fields.length > 0 ? 'unknown' : schemaType(additionalProperties, inner);
  if (additionalProperties !== false) fields.push(`${inner}[name: string]: ${others};`);
  return fields.length === 0 ? 'Record<string, never>' : `{\n${fields.join('\n')}\n${indent}}`;
}

const descriptionOf = (schema: Schema): string | undefined =>
  typeof schema === 'object' ? (schema as Node).description : undefined;

const literal = (value: unknown): string =>
  value === null || typeof value !== 'object' ? JSON.stringify(value) : 'unknown';

const union = (types: readonly string[]): string => [...new Set(types)].join(' | ') || 'never';

/** The name of a property as it can stand in a type. */
export const key = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

/** Text of a definition as a comment, which it cannot end. */
export const comment = (text: string | undefined, indent: string): string =>
  text === undefined ? '' : `${indent}/** ${text.replace(/\s+/g, ' ').replaceAll('*/', '* /').trim()} */\n`;
