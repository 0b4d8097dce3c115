import { createHash } from 'node:crypto';
import { BoundedMap, bound, sizeOfText } from '../bounded.ts';
import { type ErrorCode, isErrorCode, isTielineError, TielineError, wasNotDone } from '../errors.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { type StoreKey, storeKey } from '../keystore/store.ts';
import { newOwner, type Owner, startBeating, watchOwners } from './owner.ts';

/** Something that is to happen once, however often it is asked for. */
export type Named = {
  /** The caller, whose keys are nothing to others. */
  readonly caller: readonly string[];
  /** The caller's name for it, 1 to 255 characters. */
  readonly key: string;
  /** What is asked for, as text: another request under the same key is refused. */
  readonly request: string;
};

/** How something is done, and what of it is kept as JSON for whoever asks again. */
export type Doing<Result> = {
  run(): Promise<Result>;
  /** Undefined where nothing was done, so that the key is free again. */
  keep(result: Result): unknown;
  recall(kept: never): Result;
};

export type Once<Result> = { readonly result: Result; readonly isReplayed: boolean };

type Failure = { readonly code: string; readonly message: string; readonly hint?: string | undefined };

/** What is kept of a key: who runs it, or what came of it. */
type Kept = { readonly fingerprint: string } & (
  | { readonly owner: Owner }
  | { readonly answer: unknown }
  | { readonly failure: Failure }
);

const DAY = 24 * 60 * 60_000;
const LONGEST_KEY = 255;
/** Of one answer, as JSON. */
const LONGEST_ANSWER = 1024 * 1024;
/** How often it is tried to save what came of a run, in milliseconds. */
const RETRY_MS = 1_000;

const CALLERS = bound({
  name: 'callers whose idempotency keys are counted',
  entries: 10_000,
  bytes: 4 * 1024 * 1024,
  ms: DAY,
  atBound: 'those of the caller heard of longest ago are counted anew',
});
const EACH = bound({
  name: 'idempotency keys of one caller in a day, on the store',
  entries: 100_000,
  bytes: 256 * 1024 * 1024,
  ms: DAY,
  atBound: 'further keys are refused; beyond the bytes it is kept that it was done, without its answer',
});
const UNSAVED = bound({
  name: 'outcomes under idempotency keys while the store is away',
  entries: 10_000,
  bytes: 16 * 1024 * 1024,
  atBound: 'further ones are not saved, so that the key says that the outcome is unknown',
});

type Count = { keys: number; bytes: number };

/** What a process knows of the keys on one store. */
class Keys {
  readonly #keystore: Keystore;
  readonly #owner = newOwner();
  readonly #running = new Set<StoreKey>();
  /** What is still to be saved; undefined is a key that is to be free. */
  readonly #unsaved = new Map<StoreKey, Kept | undefined>();
  readonly #counts = new BoundedMap<Count>(CALLERS, () => 32);
  readonly #beat: () => void;
  readonly #lives: (owner: Owner) => Promise<boolean>;
  #unsavedBytes = 0;
  #retry: NodeJS.Timeout | undefined;

  constructor(keystore: Keystore) {
    this.#keystore = keystore;
    this.#beat = startBeating(keystore, this.#owner, () => this.#running.size > 0);
    this.#lives = watchOwners(keystore);
  }

  async once<Result>({ caller, key: name, request }: Named, doing: Doing<Result>): Promise<Once<Result>> {
    if (typeof name !== 'string' || name === '' || name.length > LONGEST_KEY) throw notAKey();
    const key = storeKey('idempotency', ...caller, name);
    const fingerprint = createHash('sha256').update(request, 'utf8').digest('base64url');
    const count = this.#countOf(caller);
    const kept = await this.#claim(key, fingerprint, count);
    if (kept) return { result: replay(kept, doing), isReplayed: true };
    let result: Result;
    let outcome: Kept | undefined;
    try {
      result = await doing.run();
      const answer = doing.keep(result);
      outcome = answer === undefined ? undefined : this.#answered(fingerprint, answer, count);
    } catch (error) {
      await this.#settle(key, wasNotDone(error) ? undefined : { fingerprint, failure: failureOf(error) });
      throw error;
    }
    await this.#settle(key, outcome);
    return { result, isReplayed: false };
  }

  /** Takes a key for a run, or gives what came of the one before. Throws `idempotency_conflict`. */
  async #claim(key: StoreKey, fingerprint: string, count: Count): Promise<Kept | undefined> {
    const isNew = !this.#unsaved.has(key);
    const found = isNew ? await this.#keystore.read<Kept>(key) : undefined;
    const kept = isNew ? found?.value : this.#unsaved.get(key);
    if (kept && kept.fingerprint !== fingerprint)
      throw conflict('was used for another request', 'Use a new key for a new request.');
    if (kept && !('owner' in kept)) return kept;
    if (this.#running.has(key)) throw underWay(1);
    if (kept && 'owner' in kept) {
      if (kept.owner !== this.#owner && (await this.#lives(kept.owner))) throw underWay(5);
      const lost: Kept = { fingerprint, failure: LOST };
      if (!(await this.#keystore.replace(key, found, lost))) throw underWay(1);
      await this.#keystore.write(key, lost, DAY).catch(() => {});
      return lost;
    }
    if (count.keys >= EACH.entries) throw tooMany();
    // From here on, so that of two at one time in this process the second sees the first.
    this.#running.add(key);
    this.#beat();
    const mine: Kept = { fingerprint, owner: this.#owner };
    try {
      if (!isNew) await this.#save(key, undefined);
      if (!(await this.#keystore.replace(key, found, mine))) {
        this.#running.delete(key);
        throw underWay(1);
      }
      // That of a process that dies is gone in a day as well.
      await this.#keystore.write(key, mine, DAY);
    } catch (error) {
      // It may have been written all the same, and nothing is run.
      if (this.#running.has(key)) await this.#settle(key, undefined);
      throw error;
    }
    count.keys++;
    return undefined;
  }

  /** Keeps what came of a run, or frees its key; later where the store is away. */
  async #settle(key: StoreKey, outcome: Kept | undefined): Promise<void> {
    try {
      await this.#save(key, outcome);
    } catch {
      const bytes = sizeOf(outcome);
      if (this.#unsaved.size < UNSAVED.entries && this.#unsavedBytes + bytes <= UNSAVED.bytes) {
        this.#unsaved.set(key, outcome);
        this.#unsavedBytes += bytes;
        this.#tryAgain();
      }
    } finally {
      this.#running.delete(key);
    }
  }

  async #save(key: StoreKey, outcome: Kept | undefined): Promise<void> {
    if (outcome) await this.#keystore.write(key, outcome, DAY);
    else await this.#keystore.delete(key);
    if (!this.#unsaved.delete(key)) return;
    this.#unsavedBytes -= sizeOf(outcome);
  }

  #tryAgain(): void {
    this.#retry ??= setTimeout(async () => {
      try {
        for (const [key, outcome] of this.#unsaved) await this.#save(key, outcome);
      } catch {
        // The next round tries it.
      }
      this.#retry = undefined;
      if (this.#unsaved.size > 0) this.#tryAgain();
    }, RETRY_MS).unref();
  }

  #answered(fingerprint: string, answer: unknown, count: Count): Kept {
    const size = JSON.stringify(answer).length;
    if (size > LONGEST_ANSWER || count.bytes + size > EACH.bytes) return { fingerprint, failure: TOO_LONG };
    count.bytes += size;
    return { fingerprint, answer };
  }

  #countOf(caller: readonly string[]): Count {
    const name = JSON.stringify(caller);
    const count = this.#counts.get(name) ?? { keys: 0, bytes: 0 };
    this.#counts.set(name, count);
    return count;
  }
}

const known = new WeakMap<Keystore, Keys>();

/**
 * Does something once for each key of a caller in a day: the same request again gets the same answer, also when it failed
 * in a way after which it may have been done, or when the process ended in the middle (`outcome_unknown`). Only what
 * certainly was not done frees the key.
 *
 * Throws `arguments_invalid`, `idempotency_conflict` for another request under the key or while it is under way,
 * `too_many_requests`, `store_unavailable`, and what the work throws.
 */
export function once<Result>(keystore: Keystore, named: Named, doing: Doing<Result>): Promise<Once<Result>> {
  const keys = known.get(keystore) ?? new Keys(keystore);
  known.set(keystore, keys);
  return keys.once(named, doing);
}

const replays = new WeakSet<object>();

/** Whether this is the failure of an earlier run, told once more. */
export const isReplay = (error: unknown): boolean => typeof error === 'object' && error !== null && replays.has(error);

function replay<Result>(kept: Kept, { recall }: Doing<Result>): Result {
  if ('answer' in kept) return recall(kept.answer as never);
  const { code, message, hint } = 'failure' in kept ? kept.failure : LOST;
  const error = new TielineError(isErrorCode(code) ? code : 'outcome_unknown', message, { hint });
  replays.add(error);
  throw error;
}

const LOOK = 'Look whether it was done before doing it again, under a new key.';

const LOST: Failure = {
  code: 'outcome_unknown',
  message: 'the process that did this ended before it was answered; whether it was done is not known',
  hint: LOOK,
};

const TOO_LONG: Failure = {
  code: 'result_too_large',
  message: 'this was done before under the same key, and its answer was too large to be kept',
  hint: 'Look at what it did; do not do it again.',
};

/** Codes that tell how it went here, and nothing of what was to be done. */
const OF_THIS_SIDE: ReadonlySet<ErrorCode> = new Set(['store_unavailable', 'canceled', 'internal']);

function failureOf(error: unknown): Failure {
  if (isTielineError(error) && !OF_THIS_SIDE.has(error.code)) {
    const { code, message, hint } = error;
    return { code, message, hint };
  }
  return { code: 'outcome_unknown', message: 'this failed before; whether it was done is not known', hint: LOOK };
}

const sizeOf = (outcome: Kept | undefined): number => sizeOfText(JSON.stringify(outcome) ?? '');

const notAKey = (): TielineError => new TielineError('arguments_invalid', 'an idempotency key is 1 to 255 characters');

const conflict = (why: string, hint: string, retryAfter?: number): TielineError =>
  new TielineError('idempotency_conflict', `this idempotency key ${why}`, { hint, retryAfter });

const underWay = (retryAfter: number): TielineError =>
  conflict('belongs to a request that is still under way', 'Wait for its answer, then ask again.', retryAfter);

const tooMany = (): TielineError =>
  new TielineError('too_many_requests', `${EACH.entries} idempotency keys were used today`, {
    hint: 'Use fewer keys.',
  });
