import type { Context } from 'hono';
import type { z } from 'zod';

type RefusalStatus = 400 | 401 | 403 | 404 | 409 | 413 | 422 | 429;

export type RefusalOptions = {
  readonly headers?: Readonly<Record<string, string>>;
  /** What is wrong with each field of the request. */
  readonly fields?: Readonly<Record<string, string>>;
};

/** An answer of the sandbox API other than success: `{error: {code, message, fields?}}`. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: RefusalStatus;
  readonly code: string;
  readonly options: RefusalOptions;

  constructor(status: RefusalStatus, code: string, message: string, options: RefusalOptions = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.options = options;
  }
}

export function notFound(what: string): Refusal {
  return new Refusal(404, 'not_found', `there is no such ${what}`);
}

export function answer(c: Context, refusal: Refusal): Response {
  const { headers, fields } = refusal.options;
  const error = { code: refusal.code, message: refusal.message, ...(fields ? { fields } : {}) };
  return c.json({ error }, refusal.status, headers);
}

/** The parsed value, or a 422 naming every field that is wrong. */
export function parsed<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const fields = Object.fromEntries(result.error.issues.map((issue) => [nameOf(issue), issue.message]));
  throw new Refusal(422, 'validation_failed', 'the request has wrong or missing fields', { fields });
}

export async function parsedBody<Schema extends z.ZodType>(schema: Schema, c: Context): Promise<z.infer<Schema>> {
  const body: unknown = await c.req.json().catch(() => {
    throw new Refusal(400, 'body_invalid', 'the body is not JSON');
  });
  return parsed(schema, body);
}

function nameOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return issue.keys.join(', ');
  return issue.path.join('.') || 'body';
}
