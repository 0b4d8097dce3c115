import { channel } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';
import { bound } from '../bounded.ts';
import { isTielineError, TielineError } from '../errors.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Lease } from '../keystore/lease.ts';
import { type StoreKey, storeKey } from '../keystore/store.ts';
import { log } from '../log.ts';
import type { Credential } from './credential.ts';
import { unsaved } from './refreshes.ts';
import type { Spool } from './spool.ts';
import { isFollowedBy, isSavedAs, type Unsaved } from './unsaved.ts';

export type SavingOptions = {
  readonly keystore: Keystore;
  readonly key: StoreKey;
  /** Where it waits for the store besides in memory. Absent where there is no data folder. */
  readonly spool?: Spool | undefined;
  /** Called once the outcome of a refresh is saved, before anybody is given it. */
  readonly onSaved?: (() => Promise<void>) | undefined;
  /** Ends at the provider what it gave for an account that was removed, or whose access was ended, meanwhile. */
  readonly discard?: ((credential: Credential) => Promise<unknown>) | undefined;
  /** For how long, in milliseconds, others see no sign of a process before they take it for dead; default 8,000. */
  readonly leaseMs?: number | undefined;
};

export const LEASE_MS = 8_000;

/** Tells observers how far a refresh has come, by the names of `Step`. */
export const steps = channel('tieline.refresh');

const UNSAVED = bound({
  name: 'refreshed credentials in memory that wait for the store',
  entries: 1_000,
  bytes: 256 * 1024 * 1_000,
  atBound: 'no provider is asked for more of them',
});

/** What could not be kept must not be asked for. Throws `store_unavailable`. */
export function checkRoom(): void {
  if (unsaved.size < UNSAVED.entries) return;
  throw new TielineError('store_unavailable', 'too much already waits for the store to take it', { retryAfter: 5 });
}

/** The lease of whoever may ask the provider for this credential. */
export const refreshLeaseKey = (key: StoreKey): StoreKey => storeKey('lease', key);

const FIRST_PAUSE_MS = 50;
/** Well below a lease: once the store is back, it is here before others may take the lease over. */
const LONGEST_PAUSE_MS = 1_000;

/**
 * Takes over the lease, and saves what the provider gave as soon as the store takes it, for as long as the process
 * lives: a rotated refresh token that is lost cannot be had again. Meanwhile it is in `unsaved`, for calls of this
 * process, and in the spool. The promise is over when there is nothing left to save. `why` the store did not take it;
 * undefined where somebody else has written instead.
 */
export function keepSaving(options: SavingOptions, lease: Lease, it: Unsaved, why: unknown): Promise<void> {
  const { key } = options;
  const saved = saveInTheEnd(options, lease, it, why);
  unsaved.set(key, { ...it, isSpooled: false, saved });
  return saved;
}

async function saveInTheEnd(options: SavingOptions, first: Lease, it: Unsaved, why: unknown): Promise<void> {
  const { keystore, key, leaseMs: ttlMs = LEASE_MS } = options;
  let lease = first;
  let isTold = why !== undefined;
  try {
    // On disk at once: the next attempt may have to wait for an answer that never comes.
    if (isTold) await putAside(options, it, why);
    for (let ms = FIRST_PAUSE_MS; ; ms = Math.min(ms * 2, LONGEST_PAUSE_MS)) {
      try {
        if (!(await lease.stillMine())) {
          await lease.release();
          const taken = await keystore.lease(refreshLeaseKey(key), { ttlMs, waitMs: 0 });
          if (taken !== 'settled') lease = taken;
        }
        if (await settle(options, it)) break;
      } catch (error) {
        if (!isTold) await putAside(options, it, error);
        isTold = true;
      }
      await sleep(ms * (0.75 + Math.random() / 2), undefined, { ref: false });
    }
    if (isTold) log.info('a refreshed credential was saved, now that the store takes it');
  } finally {
    if (unsaved.get(key)?.next.version === it.next.version) unsaved.delete(key);
    await lease.release();
  }
}

async function putAside({ spool, key }: SavingOptions, it: Unsaved, error: unknown): Promise<void> {
  const isSpooled = (await spool?.put(it)) ?? false;
  const entry = unsaved.get(key);
  if (entry) unsaved.set(key, { ...entry, isSpooled });
  log.warn('a refreshed credential cannot be saved yet: it is kept, and saved as soon as the store takes it', {
    why: isTielineError(error) ? error.message : String(error),
    keptIn: isSpooled ? 'memory and the data folder' : 'memory',
  });
}

/**
 * Under the lease: saves what was given for the stored credential, or forgets it where another has taken that one's
 * place. True when there is nothing left to save; false when somebody else was faster, to be looked at again.
 */
export async function settle(options: SavingOptions, it: Unsaved): Promise<boolean> {
  const { keystore, key } = options;
  const found = await keystore.read<Credential>(key);
  if (found && isFollowedBy(found.value, it)) {
    if (!(await keystore.replace(key, found, it.next))) return false;
    steps.publish({ step: 'saved', key });
    await options.onSaved?.();
  } else if (!found || found.value.failure?.cause === 'revoked') {
    await discard(options, it.next);
  } else if (isSavedAs(found.value, it)) {
    await options.onSaved?.();
  }
  if (unsaved.get(key)?.next.version === it.next.version) unsaved.delete(key);
  await options.spool?.remove(it).catch(() => undefined); // whoever finds it sees that it was saved
  return true;
}

/** Nobody waits for it to be used any more, so that a provider which cannot be told is no failure of a call. */
async function discard(options: SavingOptions, next: Credential): Promise<void> {
  try {
    await options.discard?.(next);
  } catch (error) {
    log.warn(
      'a provider renewed the access of an account while that was being removed, and could not be told to end it',
      {
        why: isTielineError(error) ? error.message : String(error),
      },
    );
  }
}

/**
 * Saves what earlier processes had to leave in the spool. What another process is about to save itself, or what the
 * store does not take now, stays there for the next start or refresh.
 */
export async function saveSpooled(keystore: Keystore, spool: Spool): Promise<void> {
  for (const it of await spool.all()) {
    const options = { keystore, key: it.key, spool };
    try {
      const lease = await keystore.lease(refreshLeaseKey(it.key), { ttlMs: LEASE_MS, waitMs: 0 });
      if (lease === 'settled') continue;
      try {
        await settle(options, it);
      } finally {
        await lease.release();
      }
    } catch (error) {
      if (!isTielineError(error)) throw error;
      if (error.code !== 'refresh_busy') return;
    }
  }
}
