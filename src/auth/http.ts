import type { RequestRule } from '../connector/actionspec.ts';
import type { BodyPlan, RequestPlan } from '../connector/plan.ts';
import { TielineError } from '../errors.ts';
import type { Http } from '../expression/sandbox.ts';
import { compileTemplate, type Scope, type Template } from '../expression/template.ts';
import type { Ask } from './type.ts';

/** What `http` does for the scripts of a method: a request like those of a definition, and any status is an answer. */
export const httpOf =
  (ask: Ask, scope: Scope): Http =>
  async (given, signal) =>
    ask(await readRequest(given), scope, { signal });

/** The request that a script asks for. Throws `definition_invalid`. */
export async function readRequest(given: unknown): Promise<RequestPlan> {
  // With all of zod behind it, which a start does not wait for.
  const { requestRule } = await import('../connector/actionspec.ts');
  const read = requestRule.safeParse(given);
  if (read.success && !read.data.multipart) return planOf(read.data);
  const [issue] = read.error?.issues ?? [];
  const where = issue && issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
  const why = issue ? `${where}${issue.message}` : 'multipart is not among what http() sends';
  throw new TielineError('definition_invalid', `http() cannot send this request: ${why}`);
}

/** All of it as it stands: texts of a script are data, of which nothing is an expression. */
function planOf(rule: RequestRule): RequestPlan {
  return {
    method: rule.method,
    target:
      rule.path === undefined ? { url: literal(rule.url) } : { path: { ...NOTHING, evaluate: () => rule.path ?? '' } },
    query: literal(rule.query),
    headers: literal(rule.headers),
    body: bodyOf(rule),
    followRedirects: rule.followRedirects,
    includeEmpty: rule.includeEmpty,
  };
}

function bodyOf(rule: RequestRule): BodyPlan | undefined {
  for (const kind of ['json', 'form', 'text'] as const) {
    if (rule[kind] !== undefined) return { kind, content: literal(rule[kind]), contentType: rule.contentType };
  }
  return undefined;
}

const NOTHING = compileTemplate({});

const literal = (value: unknown): Template => ({ ...NOTHING, evaluate: () => value });
