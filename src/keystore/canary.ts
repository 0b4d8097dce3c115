import { randomUUID } from 'node:crypto';
import { TielineError } from '../errors.ts';
import { type Store, storeKey } from './store.ts';

/**
 * A record every key must open: tells at the start, before anything is written, that the key is not the store's, and at
 * any time that the store is still the one that was opened. It is the last that gets a new key, so the key it needs is
 * needed by others, too.
 */
export const CANARY = storeKey('keystore', 'canary');

/** What the record says. */
export const newCanary = (): { readonly store: string } => ({ store: randomUUID() });

/** The id of the store; the same for all stores that were begun before there were ids. */
export function storeIdOf(canary: unknown): string {
  const isNamed = typeof canary === 'object' && canary !== null && 'store' in canary;
  return isNamed && typeof canary.store === 'string' ? canary.store : 'tieline';
}

/** Whether anything at all is stored, whoever wrote it. */
export async function isEmpty(store: Store): Promise<boolean> {
  for (let after: string | undefined; ; ) {
    const { rows, next } = await store.page(after, 1_000);
    if (rows.length > 0) return false;
    if (next === undefined) return true;
    after = next;
  }
}

/** Whether a key has been at work on this store, so that another one would not do. */
export async function hasData(store: Store): Promise<boolean> {
  return (await store.get(CANARY)) !== undefined || !(await isEmpty(store));
}

export const withoutCanary = (): TielineError =>
  new TielineError('keystore_tampered', 'the store has records, but not the one that tells their key', {
    hint: 'Restore the store from a copy, or name another, empty one in TIELINE_STORE',
  });

export const emptied = (): TielineError =>
  new TielineError('store_unavailable', 'the store was emptied while Tieline had it open', {
    hint: 'Restore the store from a copy; to begin anew with an empty one, restart Tieline',
  });

export const exchanged = (): TielineError =>
  new TielineError('store_unavailable', 'the store was replaced by another one while Tieline had it open', {
    hint: 'Bring the former store back, or restart Tieline to use this one',
  });
