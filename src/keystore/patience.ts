import { setTimeout as sleep } from 'node:timers/promises';

/** Pauses between attempts, in milliseconds: about what SQLite's own waiting takes. */
const PAUSES = [1, 2, 5, 10, 15, 20, 25];
const LONGEST_PAUSE = 50;

/**
 * Tries work again while it is refused because others have their turn, for `limitMs` at most, and never by blocking.
 * Of those that are refused together one asks at a time, first come first served; the rest stand behind it. So a lock
 * held for long costs one attempt in each pause, however many wait for it.
 */
export function patience(
  isBusy: (error: unknown) => boolean,
  limitMs: number,
): <T>(work: () => Promise<T>) => Promise<T> {
  let line: Promise<unknown> = Promise.resolve();

  async function insist<T>(work: () => Promise<T>, deadline: number): Promise<T> {
    for (let tries = 0; ; tries++) {
      try {
        return await work();
      } catch (error) {
        const left = deadline - performance.now();
        if (left <= 0 || !isBusy(error)) throw error;
        await sleep(Math.min(left, (PAUSES[tries] ?? LONGEST_PAUSE) * (0.5 + Math.random())));
      }
    }
  }

  return <T>(work: () => Promise<T>): Promise<T> =>
    work().catch((error: unknown) => {
      if (!isBusy(error)) throw error;
      const deadline = performance.now() + limitMs;
      const mine = line.then(() => insist(work, deadline));
      line = mine.catch(() => undefined);
      return mine;
    });
}
