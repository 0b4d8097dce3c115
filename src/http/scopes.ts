import { z } from '@hono/zod-openapi';

/** A scope as the API shows it. Which ones may be given depends on the operator. */
export const scopeSchema = z
  .string()
  .regex(/^(?:read|write|manage|[a-z][a-z0-9_]*:(?:read|write))$/)
  .openapi({
    description:
      '`read`, `write` or `manage`. For one connector only, as in `gmail:read`, where the operator has those.',
    example: 'read',
  });
