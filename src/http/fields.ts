import { z } from '@hono/zod-openapi';
import { excessOf, LONGEST_NAME, LONGEST_URL, LONGEST_VALUE } from '../limits.ts';

/** A name, an identifier or an id. Routes take no text that has no bound. */
export const name = z.string().max(LONGEST_NAME);

export const address = z.string().max(LONGEST_URL);

export const idParams = z.object({ id: name });
export const nameParams = z.object({ name });

/** Values of a credential or of settings, of any shape. */
export const values = z.record(name, z.unknown()).superRefine((given, context) => {
  const excess = excessOf(given);
  if (excess !== undefined) context.addIssue({ code: 'custom', message: excess });
});

/** Values that are texts, numbers or true and false. */
export const plainValues = z.record(name, z.union([z.string().max(LONGEST_VALUE), z.number(), z.boolean()]));
