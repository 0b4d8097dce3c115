import { BoundedMap, bound } from '../bounded.ts';

const ASKED = bound({
  name: 'accounts whose provider has said when to come back',
  entries: 10_000,
  bytes: 4 * 1024 * 1024,
  // A provider that says tomorrow is asked again before that, once in a while, rather than believed for a day.
  ms: 60_000,
  atBound: 'the account that was told longest ago asks its provider again',
});

/** When each may be asked again, on the clock of `performance.now`, by the id of the integration. */
const asked = new BoundedMap<number>(ASKED, () => 8);

/** Keeps what a provider has said, for all calls of the account in this process. */
export function keepWait(account: string, ms: number): void {
  if (ms > 0) asked.set(account, performance.now() + ms);
}

/** Milliseconds until the provider of an account wants to be asked again; 0 where it has not said. */
export function waitLeft(account: string): number {
  if (asked.size === 0) return 0;
  return Math.max(0, (asked.get(account) ?? 0) - performance.now());
}

/** For an account that was connected again: what was said of the one before counts no more. Without one: for all. */
export function forgetWait(account?: string): void {
  if (account === undefined) asked.clear();
  else asked.delete(account);
}

/** Who waited for the same moment must not come all at once. In milliseconds, beyond the wait itself. */
export const spread = (waitMs: number, random = Math.random): number => Math.min(2_000, 100 + waitMs / 5) * random();
