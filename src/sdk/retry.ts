import type { Failure } from './failure.ts';

/**
 * What repeating a request may do. `read`: nothing, or the same once more. `create`: nothing more, as an
 * Idempotency-Key goes with it. `write`: the same twice.
 */
export type Effect = 'read' | 'create' | 'write';

const PASSING: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Whether the same request may succeed later, and is allowed to be sent again. */
export function mayRepeat({ error, status }: Failure, effect: Effect): boolean {
  // What happened under a key is told each time it is asked for.
  if (error.code === 'canceled' || error.code === 'outcome_unknown') return false;
  // This server's own limit: nothing has been done yet.
  if (effect === 'write') return error.code === 'too_many_requests';
  // The attempt before is still under way there.
  if (effect === 'create' && error.code === 'idempotency_conflict') return true;
  return status === undefined ? isOfNetwork(error.code) : PASSING.has(status);
}

const isOfNetwork = (code: string): boolean => code === 'server_unreachable' || code === 'server_timeout';

const FIRST_WAIT = 250;
const LONGEST_WAIT = 30_000;
/** Who has to wait longer had better be told. */
const LONGEST_PATIENCE = 60_000;

/**
 * Milliseconds before attempt `attempt + 1`: what the server asks for, else twice as long each time, by chance down to
 * half of it, so that those who failed together do not come back together. Undefined: too long.
 */
export function waitOf({ error }: Failure, attempt: number, random: () => number = Math.random): number | undefined {
  const asked = error.retryAfter;
  if (asked !== undefined) return asked * 1_000 > LONGEST_PATIENCE ? undefined : asked * 1_000;
  const most = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1));
  return most / 2 + (random() * most) / 2;
}
