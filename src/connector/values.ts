import { z } from 'zod';

/** Non-empty text shown to people and models. */
export const text = z.string().trim().min(1);

/** Text with `{{ }}` expressions in it. */
export const expression = z.string();

/** Any JSON value whose strings may hold `{{ }}` expressions. */
export const tree = z.json();

/** A JSON Schema 2020-12 object. Its own rules are checked by lint. */
export const jsonSchema = z.record(z.string(), z.json());
export type JsonSchema = Readonly<z.infer<typeof jsonSchema>>;

/** A JSON object: parameters, settings, credentials. */
export type Values = Readonly<Record<string, unknown>>;

const SIZE = { B: 1, KB: 1024, MB: 1024 ** 2 } as const;

/** `512KB` or `8MB`; bytes once parsed. */
export const size = z
  .string()
  .regex(/^\d{1,6}(B|KB|MB)$/, 'is a number with B, KB or MB, for example 8MB')
  .transform((it) => Number.parseInt(it, 10) * SIZE[it.replace(/\d+/, '') as keyof typeof SIZE]);

/** True for the source of a regular expression; those of JSON Schema have the flag u. */
export function isPattern(source: string, flags?: 'u'): boolean {
  try {
    return new RegExp(source, flags) instanceof RegExp;
  } catch {
    return false;
  }
}
