import type { ErrorPlan } from '../connector/plan.ts';
import { type ErrorCode, isTielineError, TielineError } from '../errors.ts';
import type { Scripts } from '../expression/sandbox.ts';
import type { Scope, Template } from '../expression/template.ts';
import { beginningOf, withoutTokens } from '../tokenshape.ts';
import type { Answer } from './answer.ts';

export type FailureOptions = {
  readonly scripts: Scripts | undefined;
  readonly retryAfter: number | undefined;
  /** Whether the request may have changed something, and is not safe to repeat. */
  readonly isWrite?: boolean | undefined;
  /** Takes out of a text what may not be shown. */
  readonly scrub: (text: string) => string;
};

/**
 * The failure that an answer means, or undefined: the definition's rules first, as some providers say `ok: false`
 * with status 200, then what the status means by itself (RFC 9110 §15). Of a write that is not safe to repeat, a 5xx means
 * `outcome_unknown` unless a rule knows better: it may come from a gateway behind which the write was done.
 */
export function failureOf(
  rules: readonly ErrorPlan[],
  answer: Answer,
  scope: Scope,
  options: FailureOptions,
): TielineError | undefined {
  const inScope = { ...scope, response: answer };
  const read: Read = (template) => {
    try {
      return template?.evaluate(inScope, options.scripts);
    } catch (error) {
      // Written for another answer than this one, such as the web page of a gateway: it says nothing here.
      if (isTielineError(error) && error.code === 'expression_failed') return undefined;
      throw error;
    }
  };
  const clean: Clean = (text) => tidy(text, options.scrub);
  const textOf = (template: Template | undefined) => clean(read(template));
  const rule = rules.find((it) => matches(it, answer, read));
  if (!rule && answer.status < 400) return answer.status < 300 ? undefined : redirectFailure(answer);
  const code = rule?.code ?? codeOf(answer.status, options.isWrite);
  const said = textOf(rule?.message) ?? messageIn(answer.body, clean);
  const told = `the provider answered ${answer.status}${said ? `: ${said}` : ''}`;
  return new TielineError(code, code === 'outcome_unknown' ? `${told}; whether it was done is not known` : told, {
    hint: textOf(rule?.hint) ?? HINTS[code],
    retryAfter: code === 'rate_limited' || code === 'upstream_failed' ? options.retryAfter : undefined,
  });
}

type Clean = (text: unknown) => string | undefined;

type Read = (template: Template | undefined) => unknown;

function matches(rule: ErrorPlan, answer: Answer, read: Read): boolean {
  if (rule.status !== undefined && !hasStatus(rule.status, answer.status)) return false;
  if (!rule.value) return true;
  const value = read(rule.value);
  if (rule.in) return rule.in.includes(value);
  if (rule.matches) return typeof value === 'string' && rule.matches.test(value.slice(0, 2_000));
  return Boolean(value);
}

function hasStatus(wanted: NonNullable<ErrorPlan['status']>, status: number): boolean {
  if (typeof wanted === 'number') return wanted === status;
  if (typeof wanted === 'string') return wanted[0] === String(status)[0];
  return wanted.includes(status);
}

function codeOf(status: number, isWrite = false): ErrorCode {
  if (status === 401) return 'token_rejected';
  if (status === 403) return 'forbidden';
  if (status === 404 || status === 410) return 'not_found';
  if (status === 409) return 'conflict';
  if (status === 429) return 'rate_limited';
  if (status < 500) return 'upstream_rejected';
  return isWrite && !NOT_DONE.includes(status) ? 'outcome_unknown' : 'upstream_failed';
}

/** Not implemented, and a version of HTTP that is not: nothing was tried. */
const NOT_DONE: readonly number[] = [501, 505];

/** For a write of which nobody knows whether it was done. */
export const LOOK_FIRST = 'Look whether it was done before doing it again.';

const HINTS: Partial<Record<ErrorCode, string>> = {
  token_rejected: 'Connect the account again.',
  forbidden: 'This account may not do that; another one may.',
  missing_scope: 'Connect the account again and allow what is asked for.',
  not_found: 'Check the ID; it may belong to another account.',
  rate_limited: 'Wait, then try again.',
  upstream_failed: 'Try again in a while.',
  outcome_unknown: LOOK_FIRST,
};

function redirectFailure(answer: Answer): TielineError {
  return new TielineError(
    'upstream_invalid',
    `the provider answered ${answer.status}, a redirect that was not followed`,
    {
      hint: 'Check the base URL of the connector.',
    },
  );
}

/** The message of an error body in the forms that most APIs use. Web pages are not repeated. */
function messageIn(body: unknown, clean: Clean): string | undefined {
  if (typeof body === 'string') return /^\s*</.test(body) ? undefined : clean(body);
  if (body === null || typeof body !== 'object') return undefined;
  const { message, error, error_description: description, detail, title, errors, errorMessages } = body as Fields;
  for (const said of [message, description, error, detail, title, first(errors), first(errorMessages)]) {
    const found = typeof said === 'string' ? clean(said) : messageIn(said, clean);
    if (found) return found;
  }
  return undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const first = (list: unknown): unknown => (Array.isArray(list) ? list[0] : undefined);

const LONGEST_READ = 4_000;
const LONGEST_MESSAGE = 300;

/** Provider text as one bounded line without markup or invisible characters. */
function tidy(text: unknown, scrub: (text: string) => string): string | undefined {
  if (typeof text !== 'string') return undefined;
  // A secret is looked for while it is whole: half a token is not found any more.
  const line = withoutTokens(scrub(beginningOf(text, LONGEST_READ)))
    .replace(/<[^<>]{0,200}>/g, ' ')
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim();
  if (line.length <= LONGEST_MESSAGE) return line || undefined;
  return `${line.slice(0, LONGEST_MESSAGE).replace(/\p{Cs}$/u, '')}…`;
}
