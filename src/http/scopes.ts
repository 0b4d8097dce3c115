import { z } from '@hono/zod-openapi';
import { LONGEST_NAME } from '../limits.ts';

/** A scope as the API shows it. Which ones may be given depends on the operator. */
export const scopeSchema = z
  .string()
  .max(LONGEST_NAME)
  .regex(/^(?:read|write|manage|[a-z][a-z0-9_]*:(?:read|write))$/)
  .openapi({
    description:
      '`read`, `write` or `manage`. For one connector only, as in `gmail:read`, where the operator has those.',
    example: 'read',
  });
