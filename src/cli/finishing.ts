import { setTimeout as sleep } from 'node:timers/promises';
import { isAllSpooled, refreshesDone, refreshesLeft } from '../auth/refreshes.ts';
import { log } from '../log.ts';

/** A token request may take a minute, and what it gave has to be saved then. Milliseconds. */
const LONGEST_END_MS = 65_000;

/** How long the store is waited for when all that it has not taken is on disk, where the next start finds it. */
const LONGEST_SPOOLED_MS = 10_000;

/** Who waits longer is told why, in milliseconds. */
const TOLD_AFTER_MS = 500;

const LOOK_MS = 100;

/** Waits for what providers were asked to renew: an answer that comes when nobody is there any more is lost for good. */
export async function finishRefreshes(): Promise<void> {
  if (refreshesLeft() === 0) return;
  const began = performance.now();
  const isDone = refreshesDone().then(() => true);
  for (let isTold = false; ; ) {
    if (await Promise.race([isDone, sleep(LOOK_MS, false)])) return;
    const waitedMs = performance.now() - began;
    if (waitedMs > LONGEST_END_MS || (isAllSpooled() && waitedMs > LONGEST_SPOOLED_MS)) return;
    if (isTold || waitedMs < TOLD_AFTER_MS) continue;
    isTold = true;
    log.info('a provider is renewing the access of an account: ending once that is saved; another Ctrl-C ends at once');
  }
}

/**
 * Lets a signal end the process only when what a provider was asked is finished, at once with the second. Its exit code
 * is then the signal's, as it would have been. For commands that do nothing of their own at a signal.
 */
export function finishAtSignals(): void {
  let isEnding = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const end = (): void => {
      process.off(signal, handle);
      process.kill(process.pid, signal);
    };
    const handle = (): void => {
      const isFirst = !isEnding && refreshesLeft() > 0;
      isEnding = true;
      if (isFirst) void finishRefreshes().then(end);
      else end();
    };
    process.on(signal, handle);
  }
}
