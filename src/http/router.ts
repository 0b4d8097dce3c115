import { OpenAPIHono, type z } from '@hono/zod-openapi';
import { TielineError } from '../errors.ts';
import { shortened } from '../quoted.ts';
import type { Env } from './context.ts';

const MOST_PROBLEMS = 8;

/** An app for some routes, in which what does not fit a schema is `arguments_invalid` and names every field. */
export const router = (): OpenAPIHono<Env> =>
  new OpenAPIHono<Env>({
    defaultHook: (result) => {
      if (result.success) return;
      const shown = result.error.issues.slice(0, MOST_PROBLEMS).map(problemOf).join('; ');
      throw new TielineError('arguments_invalid', `the request does not fit: ${shown}`, {
        hint: 'Correct it and send it again; /api/v1/openapi.json has the schemas.',
      });
    },
  });

/** What is wrong with which field, without more of what was sent than tells it apart. */
function problemOf(issue: z.core.$ZodIssue): string {
  const text = (issue.code === 'invalid_key' ? issue.issues[0]?.message : undefined) ?? issue.message;
  return `${shortened(issue.path.join('.'), 80) || 'the body'}: ${shortened(text)}`;
}

/** A body as the routes of OpenAPI want it described. */
export const json = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});

/** The same, for requests: without it a missing body would pass. */
export const body = <T extends z.ZodType>(schema: T, description: string) => ({
  body: { required: true, ...json(schema, description) },
});
