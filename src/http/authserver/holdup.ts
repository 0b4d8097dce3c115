import { setTimeout as sleep } from 'node:timers/promises';
import { bound } from '../../bounded.ts';
import { TielineError } from '../../errors.ts';
import type { FailureLimit } from '../ratelimit.ts';

const WAITING = bound({
  name: 'sign-ins that are held up',
  entries: 64,
  bytes: 64 * 64 * 1024,
  ms: 8_000,
  atBound: 'the next one is told to come again in a minute, unless it comes from a browser that is known',
});
/** Of these for one user. */
const MOST_OF_ONE = 8;
const FIRST = 250;

/** Holds up whoever tries to sign in as a user for whom much was wrong: each time longer, and never for ever. */
export type HoldUp = {
  /** Throws `too_many_requests` when too many wait already. Ends early when the browser goes away. */
  wait(name: string, gone: AbortSignal): Promise<void>;
};

export function openHoldUp(failures: FailureLimit): HoldUp {
  const waiting = new Map<string, number>();
  let all = 0;
  const change = (name: string, by: number) => {
    all += by;
    const left = (waiting.get(name) ?? 0) + by;
    if (left === 0) waiting.delete(name);
    else waiting.set(name, left);
  };
  return {
    async wait(name, gone) {
      const excess = failures.excess(name);
      if (excess === 0) return;
      if (all >= WAITING.entries || (waiting.get(name) ?? 0) >= MOST_OF_ONE) throw tooMany();
      change(name, 1);
      const ms = Math.min(FIRST * 2 ** (excess - 1), WAITING.ms ?? 0);
      await sleep(ms, undefined, { signal: gone })
        .catch(() => undefined)
        .finally(() => change(name, -1));
    },
  };
}

const tooMany = (): TielineError =>
  new TielineError('too_many_requests', 'too many try to sign in as this user', { hint: 'Wait.', retryAfter: 60 });
