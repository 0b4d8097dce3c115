import { inspect } from 'node:util';
import { faultOf } from './cleanerror.ts';
import { isTielineError } from './errors.ts';
import { visible } from './label.ts';
import { beginningOf, withoutTokens } from './tokenshape.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

type Level = (typeof LEVELS)[number];
type Facts = Readonly<Record<string, unknown>>;

/** Characters. What is longer is cut before it is looked at, and again at the end. */
const LONGEST_FACT = 16_000;
const LONGEST_LINE = 32_000;

/**
 * One line to stderr: in stdio mode stdout belongs to the protocol. `TIELINE_LOG` is the least level, info by default.
 *
 * Errors have been rid of secrets where those are known (`Secrets.guard`); here only what has the shape of a token is
 * left out, alike for everybody.
 */
function write(level: Level, message: string, facts: Facts = {}): void {
  const least = LEVELS.find((it) => it === process.env.TIELINE_LOG) ?? 'info';
  if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) return;
  const details = Object.entries(facts).flatMap(([name, value]) =>
    value === undefined ? [] : `${name}=${cut(show(value), LONGEST_FACT)}`,
  );
  const text = withoutTokens([new Date().toISOString(), level, cut(message, LONGEST_FACT), ...details].join(' '));
  process.stderr.write(`${cut(oneLine(text), LONGEST_LINE)}\n`);
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(cut(value, LONGEST_FACT));
  if (value instanceof Error) return shownError(value, 0);
  return inspect(value, { depth: 3, breakLength: Number.POSITIVE_INFINITY, maxStringLength: LONGEST_FACT });
}

const DEEPEST_CAUSE = 4;

/** Name, message, stack and code, with those of its causes. Else nothing: drivers hang what was sent at their errors. */
function shownError(error: object, depth: number): string {
  const facts = isTielineError(error)
    ? { code: error.code, hint: error.hint, retryAfter: error.retryAfter }
    : faultOf(error);
  const { cause } = error as { cause?: unknown };
  const known = Object.entries(facts).filter(([, it]) => it !== undefined);
  const details =
    known.length > 0 ? ` ${inspect(Object.fromEntries(known), { breakLength: Number.POSITIVE_INFINITY })}` : '';
  const below =
    cause !== null && typeof cause === 'object' && depth < DEEPEST_CAUSE
      ? ` [cause]: ${shownError(cause, depth + 1)}`
      : typeof cause === 'string'
        ? ` [cause]: ${JSON.stringify(cause)}`
        : '';
  return `${error instanceof Error ? stackOf(error) : ''}${details}${below}`;
}

/** Some stacks lack the message. */
function stackOf({ name, message, stack = '' }: Error): string {
  return stack.includes(message) ? stack : `${name}: ${message}\n${stack}`;
}

function cut(text: string, most: number): string {
  const start = beginningOf(text, most);
  return start === text ? text : `${start}…`;
}

/** What a provider or a file says must neither look like another log line nor drive a terminal (CWE-117). */
const oneLine = (text: string): string =>
  visible(text.replace(/\s+/g, (it) => (/[\r\n\u2028\u2029]/.test(it) ? ' | ' : it)));

export const log = {
  debug: (message: string, facts?: Facts) => write('debug', message, facts),
  info: (message: string, facts?: Facts) => write('info', message, facts),
  warn: (message: string, facts?: Facts) => write('warn', message, facts),
  error: (message: string, facts?: Facts) => write('error', message, facts),
};
