import { setTimeout as sleep } from 'node:timers/promises';
import { TielineError } from '../errors.ts';
import type { Keystore } from './keystore.ts';
import type { StoreKey } from './store.ts';

const MOST_TRIES = 20;

/**
 * Applies a rule to a stored value, again if somebody else changed it meanwhile, and gives what is stored then. A rule
 * that gives back the value it was given stores nothing, and one that throws neither. `what` names the record where it
 * kept changing. Throws `store_unavailable`.
 */
export async function changeRecord<T>(
  keystore: Keystore,
  key: StoreKey,
  what: string,
  rule: (value: T | undefined) => T,
): Promise<T> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const record = await keystore.read<T>(key);
    const next = rule(record?.value);
    if (record && next === record.value) return next;
    if (await keystore.replace(key, record, next)) return next;
    await pause(tries);
  }
  throw keepsChanging(what);
}

/** By chance and ever more: those who came together must not go on together. */
export const pause = (tries: number): Promise<void> => sleep(Math.random() * Math.min(200, 2 ** tries));

export const keepsChanging = (what: string): TielineError =>
  new TielineError('store_unavailable', `${what} kept changing`, { hint: 'Try again.', retryAfter: 1 });
