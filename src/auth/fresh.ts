import { channel } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrorCode, isTielineError, TielineError } from '../errors.ts';
import type { Keystore, Sealed } from '../keystore/keystore.ts';
import type { Lease } from '../keystore/lease.ts';
import { type StoreKey, storeKey } from '../keystore/store.ts';
import { wasNotSent } from '../network/send.ts';
import { type Credential, isDue, isForOperators, type Renewal, renewed, troubled, waitAfter } from './credential.ts';
import { refreshes } from './refreshes.ts';

export type FreshOptions = {
  readonly keystore: Keystore;
  readonly key: StoreKey;
  /** Absent for credentials that never change. */
  readonly renew: ((credential: Credential) => Promise<Renewal>) | undefined;
  /** Called once the outcome of `renew` is saved, before anybody is given it. */
  readonly onSaved?: (() => Promise<void>) | undefined;
  /** True while the credential holds no token yet. */
  readonly isMissing: (credential: Credential) => boolean;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** The version that the provider has just refused with 401: refreshed even if it seems fresh. */
  readonly rejectedVersion?: number | undefined;
  /** How long a process has for a refresh before others take it for dead; default 75,000. `renew` may take 4/5 of it. */
  readonly leaseMs?: number;
};

/** The credential to use, or why there is none newer than `old`. */
export type Outcome = { readonly credential: Credential } | { readonly old: Credential; readonly error: TielineError };

/** Four fifths of it are the 60 s that a token request may take, so that a living owner is never overtaken. */
const LEASE_MS = 75_000;
const PATIENCE_MS = 90_000;
const MOST_TRIES = 3;
const SAVE_PAUSES_MS = [50, 250, 1_000];

/** Tells observers how far a refresh has come: leased, intended, answered, saved. */
const steps = channel('tieline.refresh');

/**
 * The credential to use now, refreshed first if it is time. A provider that rotates refresh tokens revokes the whole
 * family when one is used twice (RFC 9700 §4.14), so a refresh happens once per version: callers of this process share
 * it, other processes wait for its lease and then find it done.
 *
 * Throws `reauthorization_required` when only the user can help, `token_rejected` when a credential that cannot be
 * refreshed was refused, `refresh_failed` when the provider could not be asked, `refresh_busy` when another process
 * kept the lease.
 */
export async function freshCredential(options: FreshOptions): Promise<Credential> {
  const current = await readCredential(options.keystore, options.key);
  if (!needsRefresh(current, options)) return current;
  const outcome = await sharedRefresh(current, options);
  if ('credential' in outcome) {
    const { credential } = outcome;
    // Of those who share a refresh, some may have been refused with what was good enough for the others.
    return credential.version === options.rejectedVersion ? freshCredential(options) : credential;
  }
  if (stillWorks(outcome.old, options)) return outcome.old;
  throw outcome.error;
}

/** The stored credential. Throws `reauthorization_required` when it is gone. */
export async function readCredential(keystore: Keystore, key: StoreKey): Promise<Credential> {
  return there(await keystore.recall<Credential>(key)).value;
}

function there(record: Sealed<Credential> | undefined): Sealed<Credential> {
  if (record) return record;
  throw lost('the account has no stored credentials');
}

function needsRefresh(credential: Credential, options: FreshOptions): boolean {
  const { failure, trouble } = credential;
  if (failure) throw lost(failure.message);
  const rejected = credential.version === options.rejectedVersion;
  if (!rejected && !options.isMissing(credential) && !isDue(credential, options.now())) return false;
  if (!options.renew) {
    if (!rejected) return false;
    throw new TielineError('token_rejected', 'the provider no longer accepts the credentials of this account');
  }
  if (waitAfter(trouble, options.now()) === 0) return true;
  // Asking a provider that is down again and again helps nobody.
  if (stillWorks(credential, options)) return false;
  throw inTrouble(credential, options.now());
}

/** Those who have a token to go on with do not wait for other processes, the others do: they share apart. */
function sharedRefresh(current: Credential, options: FreshOptions): Promise<Outcome> {
  const canWait = !stillWorks(current, options);
  const [mine, others] = canWait ? ['patient', 'hasty'] : ['hasty', 'patient'];
  const name = `${options.key} ${mine}`;
  const shared = refreshes.get(name);
  if (shared) return shared;
  // Never beside each other: the one under way may have outlived its lease, as when the machine slept.
  const other = refreshes.get(`${options.key} ${others}`);
  if (other && !canWait) return Promise.resolve({ credential: current });
  const begin = () => refreshOnce(current, options, canWait ? PATIENCE_MS : 0);
  const refresh = (other ? other.then(begin, begin) : begin()).finally(() => refreshes.delete(name));
  refreshes.set(name, refresh);
  return refresh;
}

async function refreshOnce(old: Credential, options: FreshOptions, waitMs: number): Promise<Outcome> {
  const { keystore, key, now, leaseMs: ttlMs = LEASE_MS } = options;
  let current = old;
  const isSettled = async () => {
    current = await readCredential(keystore, key);
    return !needsRefresh(current, options);
  };
  try {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const lease = await keystore.lease(storeKey('lease', key), { ttlMs, waitMs, now, isSettled });
      if (lease === 'settled') return { credential: current };
      try {
        steps.publish({ step: 'leased', key });
        const outcome = await refreshUnderLease(lease, ttlMs, options);
        if (outcome !== 'overtaken') return outcome;
      } finally {
        await lease.release();
      }
    }
    throw new TielineError('refresh_busy', 'this account changes too often to be refreshed', { retryAfter: 1 });
  } catch (error) {
    if (!isTielineError(error) || error.code !== 'refresh_busy') throw error;
    return { old: current, error };
  }
}

/** `overtaken`: somebody else has written meanwhile. Theirs counts, whatever came of ours. */
async function refreshUnderLease(lease: Lease, ttlMs: number, options: FreshOptions): Promise<Outcome | 'overtaken'> {
  const { keystore, key, renew, now } = options;
  // Whoever had the lease before may have done it.
  const found = there(await keystore.read<Credential>(key));
  const current = found.value;
  if (!renew || !needsRefresh(current, options)) return { credential: current };
  // The journal: whoever finds this after a crash knows that the provider may have been asked.
  const marked = await keystore.replace(key, found, { ...current, attemptAt: now() });
  if (!marked) return 'overtaken';
  steps.publish({ step: 'intended', key });
  // Who slept is taken for dead by others before long, and two must not ask with one refresh token.
  if (!(await lease.stillMine(now() + (ttlMs * 4) / 5))) return 'overtaken';
  let next: Credential;
  try {
    next = renewed(current, await renew(current), now());
  } catch (error) {
    return giveUp(options, { marked, current, error });
  }
  steps.publish({ step: 'answered', key });
  // Saved before it is used: a rotated refresh token that is lost cannot be had again. Only over this very attempt:
  // an owner whose lease ran out must not undo what came after.
  if (!(await save(keystore, key, marked, next))) return 'overtaken';
  steps.publish({ step: 'saved', key });
  await options.onSaved?.();
  return { credential: next };
}

type Marked = { readonly sealed: string };

/** Gives a store that is away for a moment another chance. One that did save says no the next time, to be read again. */
async function save(keystore: Keystore, key: StoreKey, marked: Marked, next: Credential): Promise<boolean> {
  for (const pause of SAVE_PAUSES_MS) {
    try {
      return (await keystore.replace(key, marked, next)) !== undefined;
    } catch {
      await sleep(pause);
    }
  }
  return (await keystore.replace(key, marked, next)) !== undefined;
}

type Failed = { readonly marked: Marked; readonly current: Credential; readonly error: unknown };

/** Keeps why a refresh did not succeed: for good, or for now. */
async function giveUp(options: FreshOptions, { marked, current, error }: Failed): Promise<Outcome | 'overtaken'> {
  const { keystore, key } = options;
  const { attemptAt, ...before } = current;
  // A bug may have come after the answer: what is known of the attempt stays as it is.
  if (!isTielineError(error)) throw error;
  const at = options.now();
  if (error.code === 'reauthorization_required') {
    const cause = attemptAt === undefined ? 'refused' : 'interrupted';
    const why = attemptAt === undefined ? '' : '; an earlier refresh was interrupted and its answer lost';
    const failure = { code: error.code, cause, message: `${error.message}${why}`, at } as const;
    const failed: Credential = { ...before, version: current.version + 1, failure };
    if (!(await keystore.replace(key, marked, failed))) return 'overtaken';
    throw lost(failure.message, error);
  }
  const isAnswerLost = !isForOperators(error) && !wasNotSent(error) && !wasNotSent(error.cause);
  const journal = attemptAt ?? (isAnswerLost ? at : undefined);
  const kept: Credential = {
    ...before,
    trouble: troubled(current.trouble, error, at),
    ...(journal !== undefined && { attemptAt: journal }),
  };
  if (!(await keystore.replace(key, marked, kept))) return 'overtaken';
  return { old: current, error: waitAfter(kept.trouble, at) === 0 ? error : inTrouble(kept, at, error) };
}

const lost = (why: string, cause?: unknown): TielineError =>
  new TielineError('reauthorization_required', why, { hint: 'Connect the account again.', cause });

function inTrouble({ trouble }: Credential, now: number, cause?: TielineError): TielineError {
  const { code = '', message = 'the last refresh failed' } = trouble ?? {};
  return new TielineError(isErrorCode(code) ? code : 'refresh_failed', message, {
    hint: cause?.hint ?? 'Try again in a while.',
    retryAfter: Math.max(1, Math.ceil(waitAfter(trouble, now) / 1_000)),
    cause,
  });
}

/**
 * A token that is due but not yet over may serve while its provider cannot be reached; not those, of all who share the
 * refresh, who were refused with it.
 */
function stillWorks(credential: Credential, options: FreshOptions): boolean {
  if (options.isMissing(credential) || credential.version === options.rejectedVersion) return false;
  return credential.expiresAt === undefined || options.now() < credential.expiresAt;
}
