import { inspect } from 'node:util';
import { copyOf, isTielineError, TielineError } from './errors.ts';

type Clean = (text: string) => string;

/** Deeper causes are left out: whoever made so many has made them in a circle. */
const DEEPEST_CAUSE = 8;

/**
 * The error with its texts as `clean` leaves them: message, hint and stack, and those of its causes. Of what else hangs
 * at errors below it only what tells a fault is kept. The same error where there is nothing to clean: others may have it
 * too, so that none is changed.
 */
export function cleanError(error: unknown, clean: Clean): unknown {
  return cleaned(error, clean, 0);
}

function cleaned(error: unknown, clean: Clean, depth: number): unknown {
  if (error === undefined || depth > DEEPEST_CAUSE) return undefined;
  if (!(error instanceof Error)) return isSame(error, clean) ? error : clean(shown(error));
  const cause = cleaned(error.cause, clean, depth + 1);
  const stack = clean(error.stack ?? '');
  const message = clean(error.message);
  if (isTielineError(error)) {
    const hint = error.hint === undefined ? undefined : clean(error.hint);
    if (message === error.message && hint === error.hint && cause === error.cause && stack === error.stack)
      return error;
    const { code, retryAfter, requestId } = error;
    return copyOf(error, new TielineError(code, message, { hint, retryAfter, requestId, cause }), stack);
  }
  if (cause === error.cause && isSame(error, clean)) return error;
  const copy = new Error(message, cause === undefined ? undefined : { cause });
  return copyOf(error, Object.assign(copy, { name: error.name }, faultOf(error, clean)), stack);
}

/** Whether nothing that hangs at it has such a text in it. */
const isSame = (error: unknown, clean: Clean): boolean => {
  const text = shown(error);
  return clean(text) === text;
};

const shown = (error: unknown): string =>
  inspect(error, { depth: 4, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 100_000 });

/** Names under which errors of Node, undici and the databases say what happened, and nothing of what was sent. */
const FAULTS = ['code', 'errno', 'syscall', 'hostname', 'address', 'port', 'status', 'sqlState', 'severity'];

/** What tells a fault, of the things that hang at an error. */
export function faultOf(error: object, clean: Clean = (text) => text): Readonly<Record<string, unknown>> {
  const given = error as Readonly<Record<string, unknown>>;
  const found: Record<string, string | number> = {};
  for (const name of FAULTS) {
    const value = given[name];
    if (typeof value === 'string') found[name] = clean(value);
    else if (typeof value === 'number') found[name] = value;
  }
  return found;
}
