import type { JsonSchema } from '../connector/values.ts';

type Fits = (value: unknown) => boolean;

/** What says nothing of what fits. */
const NOTES = new Set(['title', 'description', 'default', 'examples']);

const known = new WeakMap<JsonSchema, Fits>();

/**
 * True for arguments that certainly fit: an object of plain values, as most calls give. False says nothing: whether they
 * fit, and what is wrong, is for a validator to tell, which takes several times as long.
 */
export function fitsSurely(schema: JsonSchema, args: unknown): boolean {
  let fits = known.get(schema);
  if (!fits) {
    fits = compileObject(schema as Schema);
    known.set(schema, fits);
  }
  return fits(args);
}

type Schema = Readonly<Record<string, unknown>>;

const never: Fits = () => false;

function compileObject({ type, properties = {}, required = [], additionalProperties, ...rest }: Schema): Fits {
  if (type !== 'object' || additionalProperties !== false || !hasOnlyNotes(rest)) return never;
  const fields = new Map(Object.entries(properties as object).map(([name, it]) => [name, compileValue(it)]));
  const needed = required as readonly string[];
  return (args) => {
    if (typeof args !== 'object' || args === null || Array.isArray(args)) return false;
    for (const name of needed) if (!Object.hasOwn(args, name)) return false;
    for (const [name, value] of Object.entries(args)) if (!fields.get(name)?.(value)) return false;
    return true;
  };
}

function compileValue(schema: unknown): Fits {
  if (typeof schema !== 'object' || schema === null) return never;
  const { type, enum: some, minimum, maximum, minLength, maxLength, ...rest } = schema as Schema;
  if (!hasOnlyNotes(rest)) return never;
  const isOne: Fits = Array.isArray(some) ? (it) => some.includes(it) : () => true;
  const [least, most] = [bound(minimum, Number.NEGATIVE_INFINITY), bound(maximum, Number.POSITIVE_INFINITY)];
  const isWithin = (it: number) => it >= least && it <= most;
  if (type === 'boolean') return (it) => typeof it === 'boolean' && isOne(it);
  if (type === 'integer') return (it) => Number.isSafeInteger(it) && isWithin(it as number) && isOne(it);
  if (type === 'number') return (it) => Number.isFinite(it) && isWithin(it as number) && isOne(it);
  if (type !== 'string') return never;
  // Lengths count characters, each of which is one or two units of a JavaScript string.
  const shortest = 2 * bound(minLength, 0);
  const longest = bound(maxLength, Number.POSITIVE_INFINITY);
  return (it) => typeof it === 'string' && it.length >= shortest && it.length <= longest && isOne(it);
}

const bound = (given: unknown, otherwise: number): number => (typeof given === 'number' ? given : otherwise);

const hasOnlyNotes = (rest: Schema): boolean => Object.keys(rest).every((it) => NOTES.has(it));
