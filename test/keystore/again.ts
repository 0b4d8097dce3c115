import { setTimeout as sleep } from 'node:timers/promises';
import { isTielineError } from '../../src/errors.ts';

/** Does what a caller is told to do after a `store_unavailable` that can be tried again: tries again. */
export async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let left = 50; ; left--) {
    try {
      return await work();
    } catch (error) {
      const mayPass = isTielineError(error) && error.code === 'store_unavailable' && error.retryAfter !== undefined;
      if (!mayPass || left === 0) throw error;
      await sleep(20);
    }
  }
}
