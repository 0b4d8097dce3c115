import { isTielineError, TielineError } from '../errors.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { StoreKey } from '../keystore/store.ts';
import { type Credential, isDue, type Renewal, renewed } from './credential.ts';

export type FreshOptions = {
  readonly keystore: Keystore;
  readonly key: StoreKey;
  /** Absent for credentials that never change. */
  readonly renew: ((credential: Credential) => Promise<Renewal>) | undefined;
  /** True while the credential holds no token yet. */
  readonly isMissing: (credential: Credential) => boolean;
  readonly now: () => number;
  /** The version that the provider has just refused with 401: refreshed even if it seems fresh. */
  readonly rejectedVersion?: number | undefined;
};

/** The credential to use, or why there is none newer than `old`. */
type Outcome = { readonly credential: Credential } | { readonly old: Credential; readonly error: unknown };

const running = new Map<StoreKey, Promise<Outcome>>();

/**
 * The credential to use now, refreshed first if it is time. Callers that arrive during a refresh share it, as a
 * provider that rotates refresh tokens revokes the whole family when one is used twice (RFC 9700 §4.14).
 *
 * Throws `reauthorization_required` when only the user can help, `token_rejected` when a credential that cannot be
 * refreshed was refused, and `refresh_failed` when the provider could not be asked.
 */
export async function freshCredential(options: FreshOptions): Promise<Credential> {
  const current = await readCredential(options.keystore, options.key);
  if (!needsRefresh(current, options)) return current;
  let refresh = running.get(options.key);
  if (!refresh) {
    refresh = refreshOnce(options).finally(() => running.delete(options.key));
    running.set(options.key, refresh);
  }
  const outcome = await refresh;
  if ('credential' in outcome) return outcome.credential;
  if (stillWorks(outcome.old, options)) return outcome.old;
  throw outcome.error;
}

/** Resolves when no refresh is under way: what a provider has rotated must be saved before the keystore closes. */
export async function refreshesDone(): Promise<void> {
  await Promise.allSettled(running.values());
}

/** The stored credential. Throws `reauthorization_required` when it is gone. */
export async function readCredential(keystore: Keystore, key: StoreKey): Promise<Credential> {
  return (await readSealed(keystore, key)).value;
}

async function readSealed(keystore: Keystore, key: StoreKey) {
  const record = await keystore.read<Credential>(key);
  if (!record) throw lost('the account has no stored credentials');
  return record;
}

function needsRefresh(credential: Credential, options: FreshOptions): boolean {
  if (credential.failure) throw lost(credential.failure.message);
  const rejected = credential.version === options.rejectedVersion;
  if (!rejected && !options.isMissing(credential) && !isDue(credential, options.now())) return false;
  if (options.renew) return true;
  if (rejected)
    throw new TielineError('token_rejected', 'the provider no longer accepts the credentials of this account');
  return false;
}

async function refreshOnce(options: FreshOptions): Promise<Outcome> {
  const { keystore, key, renew, now } = options;
  // Somebody else may have refreshed between the first look and this one.
  const record = await readSealed(keystore, key);
  const current = record.value;
  if (!renew || !needsRefresh(current, options)) return { credential: current };
  let next: Credential;
  try {
    next = renewed(current, await renew(current), now());
  } catch (error) {
    if (!isTielineError(error) || error.code !== 'reauthorization_required') return { old: current, error };
    const failure = { code: error.code, message: error.message, at: now() };
    if (await keystore.replace(key, record, { ...current, version: current.version + 1, failure })) throw error;
    // What was refused is no longer what is stored.
    return { credential: await overtaken(options, current) };
  }
  // Saved before it is used: a rotated refresh token that is lost cannot be had again.
  if (await keystore.replace(key, record, next)) return { credential: next };
  return { credential: await overtaken(options, current, next) };
}

/** What to use when somebody else saved during the refresh of `current`: theirs, unless it is a mere failure. */
async function overtaken({ keystore, key }: FreshOptions, current: Credential, next?: Credential): Promise<Credential> {
  const record = await readSealed(keystore, key);
  const theirs = record.value;
  if (!theirs.failure) return theirs;
  // Another process used the same refresh token a moment later, and was refused for that.
  if (next && theirs.obtainedAt === current.obtainedAt) {
    const mine = { ...next, version: theirs.version + 1 };
    if (await keystore.replace(key, record, mine)) return mine;
  }
  throw lost(theirs.failure.message);
}

const lost = (why: string): TielineError =>
  new TielineError('reauthorization_required', why, { hint: 'Connect the account again.' });

/**
 * A token that is due but not yet over may serve while its provider cannot be reached; not those, of all who share the
 * refresh, who were refused with it.
 */
function stillWorks(credential: Credential, options: FreshOptions): boolean {
  if (options.isMissing(credential) || credential.version === options.rejectedVersion) return false;
  return credential.expiresAt === undefined || options.now() < credential.expiresAt;
}
