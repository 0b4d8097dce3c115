import { isTielineError } from '../errors.ts';
import { log } from '../log.ts';
import type { Store } from './store.ts';

export type SweepTimes = {
  /** From the start to the first pass, in milliseconds. */
  readonly firstMs: number;
  /** From one pass to the next. */
  readonly everyMs: number;
  /** Between two pages of one pass. */
  readonly pageMs: number;
};

export const SWEEP_TIMES: SweepTimes = { firstMs: 2_000, everyMs: 180_000, pageMs: 100 };

/** Rows looked at in one statement: about a millisecond's worth. */
const PAGE = 200;

/**
 * Removes what has expired as long as the store is open: in passes, each a page at a time, so that no moment of it costs
 * much. Each pause is by chance up to twice as long or half, and so several processes do not sweep together. Gives what
 * ends it; nothing is kept alive by it. Does nothing where the store forgets by itself.
 */
export function startSweeping(store: Store, times: SweepTimes = SWEEP_TIMES): () => void {
  if (!store.sweep) return () => {};
  let timer: NodeJS.Timeout;
  let isOver = false;
  const plan = (ms: number, after?: string) => {
    if (isOver) return;
    timer = setTimeout(() => void sweep(after), ms * (0.5 + 1.5 * Math.random())).unref();
  };
  const sweep = async (after: string | undefined) => {
    try {
      const next = await store.sweep?.(after, PAGE);
      if (next === undefined) plan(times.everyMs);
      else plan(times.pageMs, next);
    } catch (error) {
      if (!isOver)
        log.debug('expired records were not removed', { error: isTielineError(error) ? error.message : error });
      plan(times.everyMs);
    }
  };
  plan(times.firstMs);
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}
