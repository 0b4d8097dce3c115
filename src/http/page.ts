import { z } from '@hono/zod-openapi';
import { isTielineError, TielineError } from '../errors.ts';
import type { Keystore } from '../keystore/keystore.ts';

/** Query of every list. */
export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20).openapi({ description: 'Most items of a page.' }),
  cursor: z.string().max(2_000).optional().openapi({ description: '`next_cursor` of the page before.' }),
});

/** Body of every list. */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({
    data: z.array(item),
    next_cursor: z.string().nullable().openapi({ description: 'Null on the last page.' }),
  });

/** A position as text that serves this listing of this caller only. */
export const sealPosition = (keystore: Keystore, place: string, position: unknown): string | null =>
  position === undefined ? null : keystore.seal(`page ${place}`, position);

/** Throws `cursor_invalid`. */
export function openPosition<T>(keystore: Keystore, place: string, cursor: string | undefined): T | undefined {
  if (cursor === undefined) return undefined;
  try {
    return keystore.unseal<T>(`page ${place}`, cursor);
  } catch (error) {
    if (!isTielineError(error)) throw error;
    throw new TielineError('cursor_invalid', 'the cursor is not one of this list', {
      hint: 'Begin without a cursor.',
      cause: error,
    });
  }
}
