import { TielineError } from '../errors.ts';

/** Clocks that differ by less, in milliseconds, do no harm: a token is refreshed well before its end. */
const TOLERANCE_MS = 5_000;

/**
 * What to tell of a clock that is ahead of the store's by so many milliseconds; undefined where that is little. Nobody
 * waits for a time that another clock has told, but each token ends earlier or later by the difference.
 */
export function wrongClock(aheadMs: number): TielineError | undefined {
  if (Math.abs(aheadMs) <= TOLERANCE_MS) return undefined;
  const by = `${Math.round(Math.abs(aheadMs) / 1_000)} s ${aheadMs > 0 ? 'ahead of' : 'behind'}`;
  return new TielineError('config_invalid', `the clock of this machine is ${by} that of the store`, {
    hint: 'Let both keep the time by NTP, else tokens and sessions end too early or too late.',
  });
}
