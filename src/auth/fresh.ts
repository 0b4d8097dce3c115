import { setTimeout as sleep } from 'node:timers/promises';
import { isErrorCode, isTielineError, TielineError } from '../errors.ts';
import type { Keystore, Sealed } from '../keystore/keystore.ts';
import type { Lease } from '../keystore/lease.ts';
import type { StoreKey } from '../keystore/store.ts';
import { wasNotSent } from '../network/send.ts';
import { type Credential, isDue, isForOperators, type Renewal, renewed, troubled, waitAfter } from './credential.ts';
import { refreshes, unsaved } from './refreshes.ts';
import { checkRoom, keepSaving, LEASE_MS, refreshLeaseKey, type SavingOptions, settle, steps } from './saving.ts';
import { wasTurnedAway } from './tokenerror.ts';
import { isFollowedBy } from './unsaved.ts';

export type FreshOptions = SavingOptions & {
  /** Absent for credentials that never change. Has a minute. */
  readonly renew: ((credential: Credential) => Promise<Renewal>) | undefined;
  /** True while the credential holds no token yet. */
  readonly isMissing: (credential: Credential) => boolean;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** The version that the provider has just refused with 401: refreshed even if it seems fresh. */
  readonly rejectedVersion?: number | undefined;
};

/** The credential to use, or why there is none newer than `old`; `isBusy` while somebody else is at it. */
export type Outcome =
  | { readonly credential: Credential }
  | { readonly old: Credential; readonly error: TielineError; readonly isBusy?: true };

/**
 * How far a refresh has come.
 *
 *   due ──> leased ──> intended ──> answered ──> saved
 *             │           │            └─ the store is away: unsaved (memory, spool) ──> saved, by whoever has the lease
 *             │           ├─ refused: failed for good, until a new connect
 *             │           ├─ no answer, or not now: in trouble, asked again after a while
 *             │           └─ its process ends: the next one finds `attemptAt`, and asks
 *             └─ its process ends, or sleeps past the lease: nothing was asked; the next one begins anew
 *
 * `intended` stands in the store before the provider is asked, as `attemptAt`. What was answered replaces that very
 * credential or none: where another has come meanwhile it is forgotten, and ended at the provider where the account is
 * gone. All but `unsaved` is left within a minute.
 */
export type Step = 'leased' | 'intended' | 'answered' | 'saved';

const tell = (step: Step, key: StoreKey): void => steps.publish({ step, key });

/** How long a caller waits for a refresh, its own or another process's, in milliseconds: less than clients wait for us. */
const PATIENCE_MS = 50_000;
/** How long it waits for a lease: the rest is for what comes then. */
const LEASE_PATIENCE_MS = 48_000;
/** How long a caller waits whose token still serves. */
const HASTE_MS = 10_000;
const MOST_TRIES = 3;
/** What is not saved within it is used all the same, while the saving goes on. */
const SAVE_MS = 1_000;
/** For the provider to be told to end what it gave to an account that is gone. */
const DISCARD_MS = 3_000;

/**
 * The credential to use now, refreshed first if it is time. A provider that rotates refresh tokens revokes the whole
 * family when one is used twice (RFC 9700 §4.14), so a refresh happens once per version: callers of this process share
 * it, other processes wait for its lease and then find it done.
 *
 * Throws `reauthorization_required` when only the user can help, `token_rejected` when a credential that cannot be
 * refreshed was refused, `refresh_failed` when the provider could not be asked, `refresh_busy` when a refresh was not
 * over within 50 s.
 */
export async function freshCredential(options: FreshOptions): Promise<Credential> {
  const began = performance.now();
  for (;;) {
    const current = await readCredential(options.keystore, options.key);
    if (!needsRefresh(current, options)) return current;
    const patience = stillWorks(current, options) ? HASTE_MS : PATIENCE_MS;
    const left = began + patience - performance.now();
    const outcome = await within(left, sharedRefresh(current, options), () => ({
      old: current,
      error: notYet(),
      isBusy: true as const,
    }));
    if ('credential' in outcome) {
      // Of those who share a refresh, some may have been refused with what was good enough for the others.
      if (outcome.credential.version !== options.rejectedVersion) return outcome.credential;
    } else {
      if (stillWorks(outcome.old, options)) return outcome.old;
      // Who was busy for others who came before may be done before this one's time is over.
      if (!outcome.isBusy || performance.now() - began >= LEASE_PATIENCE_MS) throw outcome.error;
    }
  }
}

/** Ends the waiting, not the work: a refresh that has begun may have rotated the refresh token. */
async function within<T, U>(ms: number, work: Promise<T>, late: () => U): Promise<T | U> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<U>((resolve) => {
    timer = setTimeout(() => resolve(late()), Math.max(0, ms));
  });
  try {
    return await Promise.race([work, timeUp]);
  } finally {
    clearTimeout(timer);
  }
}

const notYet = (): TielineError =>
  new TielineError('refresh_busy', 'this account is being refreshed, and that is not finished yet', {
    hint: 'Try again: the refresh goes on meanwhile.',
    retryAfter: 5,
  });

/**
 * The credential as it is now: what a provider gave and the store has not taken yet comes before what is stored. Throws
 * `reauthorization_required` when it is gone.
 */
export async function readCredential(keystore: Keystore, key: StoreKey): Promise<Credential> {
  const kept = unsaved.get(key);
  if (!kept) return there(await keystore.recall<Credential>(key)).value;
  const stored = await keystore.recall<Credential>(key).catch((error: unknown) => {
    if (isTielineError(error) && error.code === 'store_unavailable') return 'away' as const;
    throw error;
  });
  if (stored === 'away') return kept.next;
  const { value } = there(stored);
  return isFollowedBy(value, kept) ? kept.next : value;
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
  const begin = () => refreshOnce(current, options, canWait ? LEASE_PATIENCE_MS : 0);
  const refresh = (other ? other.then(begin, begin) : begin()).finally(() => refreshes.delete(name));
  refreshes.set(name, refresh);
  return refresh;
}

async function refreshOnce(old: Credential, options: FreshOptions, waitMs: number): Promise<Outcome> {
  const { keystore, key, spool, leaseMs: ttlMs = LEASE_MS } = options;
  let current = old;
  const isSettled = async () => {
    current = await readCredential(keystore, key);
    if (!needsRefresh(current, options)) return true;
    // Another process of this machine may have it, and wait for the store as we would.
    const spooled = await spool?.get(key);
    if (!spooled || !isFollowedBy(current, spooled) || needsRefresh(spooled.next, options)) return false;
    current = spooled.next;
    return true;
  };
  try {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const lease = await keystore.lease(refreshLeaseKey(key), { ttlMs, waitMs, isSettled });
      if (lease === 'settled') return { credential: current };
      try {
        tell('leased', key);
        const outcome = await refreshUnderLease(lease, options, waitMs > 0);
        if (outcome !== 'overtaken') return outcome;
      } finally {
        // Whoever goes on saving keeps it.
        if (!unsaved.has(key)) await lease.release();
      }
    }
  } catch (error) {
    if (!isTielineError(error) || error.code !== 'refresh_busy') throw error;
    return { old: current, error, isBusy: true };
  }
  const error = new TielineError('refresh_busy', 'this account changes too often to be refreshed', { retryAfter: 1 });
  return { old: current, error };
}

/** `overtaken`: somebody else has written meanwhile. Theirs counts, whatever came of ours. */
async function refreshUnderLease(
  lease: Lease,
  options: FreshOptions,
  isPatient: boolean,
): Promise<Outcome | 'overtaken'> {
  const { keystore, key, spool, renew, now } = options;
  const kept = unsaved.get(key) ?? (await spool?.get(key));
  if (kept && !(await settle(options, kept))) return 'overtaken';
  // Whoever had the lease before may have done it.
  const found = there(await keystore.read<Credential>(key));
  const current = found.value;
  if (!renew || !needsRefresh(current, options)) return { credential: current };
  checkRoom();
  // The journal: whoever finds this after a crash knows that the provider may have been asked.
  const marked = await keystore.replace(key, found, { ...current, attemptAt: now() });
  if (!marked) return 'overtaken';
  tell('intended', key);
  // Who slept is taken for dead by others before long, and two must not ask with one refresh token.
  if (!(await lease.stillMine())) return 'overtaken';
  let next: Credential;
  try {
    const mayRepeat = isPatient && current.trouble === undefined;
    next = renewed(current, await ask(() => renew(current), mayRepeat && lease), now());
  } catch (error) {
    return giveUp(options, { marked, current, error });
  }
  tell('answered', key);
  return save(options, lease, { marked, current, next });
}

/** Asks the provider, and once more within the call where that certainly changed nothing and the lease can be renewed. */
async function ask(renew: () => Promise<Renewal>, repeatUnder: Lease | false): Promise<Renewal> {
  try {
    return await renew();
  } catch (error) {
    const waitMs = repeatUnder ? repeatAfter(error) : undefined;
    if (!repeatUnder || waitMs === undefined) throw error;
    await sleep(waitMs);
    if (!(await repeatUnder.stillMine().catch(() => false))) throw error;
    return renew();
  }
}

const LONGEST_REPEAT_MS = 15_000;

/** Milliseconds until a request that certainly did nothing may be made again in the same call; undefined: not at all. */
function repeatAfter(error: unknown): number | undefined {
  if (!isTielineError(error) || isForOperators(error) || !didNothing(error)) return undefined;
  // Who turns us away without a word on when to come back is left alone.
  if (wasTurnedAway(error) && error.retryAfter === undefined) return undefined;
  const waitMs = Math.max(500, (error.retryAfter ?? 0) * 1_000) * (1 + Math.random() / 4);
  return waitMs <= LONGEST_REPEAT_MS ? waitMs : undefined;
}

/** Whether the provider cannot have spent the refresh token. */
const didNothing = (error: TielineError): boolean =>
  wasNotSent(error) || wasNotSent(error.cause) || wasTurnedAway(error);

type Answered = { readonly marked: Marked; readonly current: Credential; readonly next: Credential };

/**
 * Saved before it is used, over this very attempt: an owner whose lease ran out must not undo what came after. While the
 * store does not take it, it is kept and used from memory.
 */
async function save(options: FreshOptions, lease: Lease, it: Answered): Promise<Outcome | 'overtaken'> {
  const { keystore, key } = options;
  const { marked, current, next } = it;
  const attempt = keystore.replace(key, marked, next).then(
    (saved) => ({ isSaved: saved !== undefined, why: undefined }),
    (why: unknown) => ({ isSaved: false, why }),
  );
  const late = () => ({ isSaved: false, why: 'it takes long to answer' });
  const { isSaved, why } = await within(SAVE_MS, attempt, late);
  if (!isSaved) {
    const { version, obtainedAt } = current;
    const saved = keepSaving(options, lease, { key, follows: { version, obtainedAt }, next }, why);
    await within(why === undefined ? DISCARD_MS : SAVE_MS, saved, () => undefined);
    return unsaved.has(key) ? { credential: next } : 'overtaken';
  }
  tell('saved', key);
  await options.onSaved?.();
  return { credential: next };
}

type Marked = { readonly sealed: string };

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
  const isAnswerLost = !isForOperators(error) && !didNothing(error);
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
