import { chmod, mkdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { TielineError } from '../errors.ts';
import { anotherSince, emptySince, nameOfStore, noteBegun, readBegun } from './begun.ts';
import { CANARY, emptied, exchanged, hasData, isEmpty, newCanary, storeIdOf, withoutCanary } from './canary.ts';
import { open, seal, sealedWith } from './envelope.ts';
import { GatheredReads } from './gathered.ts';
import { type Keyring, type KeySource, keyFileIn, memoryKeyring, readKeyring } from './keyring.ts';
import { type Holder, type Lease, type LeaseOptions, leaseHolder, takeLease } from './lease.ts';
import { fileOfStore, openStore } from './open.ts';
import { type Recalled, RecalledValues } from './recalled.ts';
import { type Rewrapped, rewrap } from './rewrap.ts';
import { codeOf, shownUrl } from './server.ts';
import type { Store, StoreKey } from './store.ts';
import { startSweeping } from './sweeping.ts';

/** How long a store is taken for the one that was opened without another look, in milliseconds. */
const CONFIRMED_MS = 1_000;

/** A value and the text it was stored as, which is its version. */
export type Sealed<T> = { readonly value: T; readonly sealed: string };

/**
 * Values as JSON in a Store, each sealed for its key. The only place that sees stored credentials in plaintext.
 *
 * Every method may throw `store_unavailable`; reading may throw `key_wrong` and `keystore_tampered`. None of these
 * ever reads as "absent", and neither does a store that was emptied or replaced. Not detected: that a row was deleted or
 * put back to an earlier state of itself.
 */
export class Keystore {
  readonly #store: Store;
  readonly #keyring: Keyring;
  readonly #recalled = new RecalledValues();
  readonly #gathered: GatheredReads;

  /** The record that tells this store from others, as it was last seen. */
  #canary = { text: '', id: '' };
  #confirmedAt = Number.NEGATIVE_INFINITY;
  #stopSweeping: (() => void) | undefined;

  private constructor(store: Store, keyring: Keyring) {
    this.#store = store;
    this.#keyring = keyring;
    this.#gathered = new GatheredReads(store, { key: CANARY, check: (text) => this.#confirm(text) });
  }

  /**
   * Throws `key_wrong` when the store was written with keys that are not on the ring, `keystore_tampered` when it has
   * records of which none tells the key. Takes over the store.
   */
  static async open({ store, keyring }: { store: Store; keyring: Keyring }): Promise<Keystore> {
    const keystore = new Keystore(store, keyring);
    const isNew = (await store.get(CANARY)) === undefined;
    if (isNew && !(await isEmpty(store)) && (await store.get(CANARY)) === undefined) throw withoutCanary();
    // Losing the race is as good as winning it: either way the check below is against what is stored.
    if (isNew) await store.replace(CANARY, undefined, keystore.#seal(CANARY, newCanary()));
    const canary = await store.get(CANARY);
    if (canary === undefined) throw new TielineError('store_unavailable', 'the store does not keep what is written');
    const needed = sealedWith(canary);
    if (keyring.find(needed) === undefined) {
      const message = `the store is sealed with key ${needed}, but the key is ${keyring.current.id}`;
      throw new TielineError('key_wrong', message, {
        hint: `Provide key ${needed}, behind the current one if that is to replace it: it is needed until tieline keys rewrap has been run`,
      });
    }
    keystore.#canary = { text: canary, id: storeIdOf(keystore.#unseal(CANARY, canary)) };
    return keystore;
  }

  /** What tells this store from others, also from the same one begun anew. */
  get storeId(): string {
    return this.#canary.id;
  }

  async read<T>(key: StoreKey): Promise<Sealed<T> | undefined> {
    const sealed = await this.#store.get(key);
    if (sealed === undefined) await this.#confirmed();
    return this.#opened<T>(key, sealed);
  }

  /**
   * As `read`, and as fresh, for what every call asks for: the value is frozen and shared, and opened anew only when it
   * has changed, or after a minute at most. For records that never expire in the store.
   */
  async recall<T>(key: StoreKey): Promise<Sealed<T> | undefined> {
    const stamp = this.#store.stamp?.();
    const known = this.#recalled.get(key) as Recalled<T> | undefined;
    if (stamp !== undefined && known?.stamp === stamp) return given(known);
    return given(this.#recalledAs<T>(key, await this.#gathered.get(key), stamp));
  }

  /** The same for several, in the order of `keys`. What has to be read for it is read together. */
  recallMany<T>(keys: readonly StoreKey[]): Promise<(Sealed<T> | undefined)[]> {
    return Promise.all(keys.map((key) => this.recall<T>(key)));
  }

  #recalledAs<T>(key: StoreKey, sealed: string | undefined, stamp: number | undefined): Recalled<T> {
    const known = this.#recalled.get(key) as Recalled<T> | undefined;
    const isSame = known !== undefined && known.sealed === sealed;
    const value = isSame ? known.value : sealed && deepFreeze(this.#unseal<T>(key, sealed));
    const recalled = { sealed, value, stamp } as Recalled<T>;
    this.#recalled.set(key, recalled);
    return recalled;
  }

  /** In the order of `keys`, undefined for the absent ones. */
  async readMany<T>(keys: readonly StoreKey[]): Promise<(Sealed<T> | undefined)[]> {
    const texts = await this.#store.getMany(keys);
    if (texts.includes(undefined)) await this.#confirmed();
    return keys.map((key, index) => this.#opened<T>(key, texts[index]));
  }

  /** Writes unconditionally; the value is gone `ttlMs` milliseconds from now, or stays. */
  async write(key: StoreKey, value: unknown, ttlMs?: number): Promise<void> {
    await this.#confirmed();
    await this.#store.set(key, this.#seal(key, value), ttlMs);
  }

  /** Writes only over the version that was read, undefined being absence. Gives undefined if somebody was faster. */
  async replace(
    key: StoreKey,
    previous: { readonly sealed: string } | undefined,
    value: unknown,
  ): Promise<{ readonly sealed: string } | undefined> {
    await this.#confirmed();
    const sealed = this.#seal(key, value);
    for (let expected = previous?.sealed; ; ) {
      if (await this.#store.replace(key, expected, sealed)) return { sealed };
      expected = expected && (await this.#resealed(key, expected));
      if (expected === undefined) return undefined;
    }
  }

  /** The text of the same version under another key, where that is what is stored now: see `rewrap`. */
  async #resealed(key: StoreKey, previous: string): Promise<string | undefined> {
    const now = await this.#store.get(key);
    if (now === undefined || now === previous) return undefined;
    try {
      const isSame =
        sealedWith(now) !== sealedWith(previous) && this.#plain(key, now).equals(this.#plain(key, previous));
      return isSame ? now : undefined;
    } catch {
      return undefined; // then it certainly is another one
    }
  }

  /** True for exactly one of any number of concurrent callers, and only if there was something to delete. */
  async delete(key: StoreKey): Promise<boolean> {
    await this.#confirmed();
    return this.#store.delete(key);
  }

  /** See `takeLease`. The record of a lease holds no secret and is not sealed, so its key is for leases alone. */
  lease(key: StoreKey, options: LeaseOptions): Promise<Lease | 'settled'> {
    return takeLease(this.#store, key, options);
  }

  /** Who holds a lease now; undefined for nobody. */
  leaseHolder(key: StoreKey): Promise<Holder | undefined> {
    return leaseHolder(this.#store, key);
  }

  /**
   * By how many milliseconds this machine's clock is ahead of the store's, as far as the time that asking took lets it be
   * known; 0 where the store is on this machine.
   */
  async clockAhead(): Promise<number> {
    if (!this.#store.time) return 0;
    const began = performance.now();
    const theirs = await this.#store.time();
    const halfMs = (performance.now() - began) / 2;
    const ahead = Date.now() - halfMs - theirs;
    return Math.abs(ahead) <= halfMs ? 0 : Math.round(ahead);
  }

  /** Throws `store_unavailable` when the store does not answer, was emptied, or is another one than was opened. */
  async ping(): Promise<void> {
    this.#confirm(await this.#store.get(CANARY));
  }

  async #confirmed(): Promise<void> {
    if (performance.now() - this.#confirmedAt >= CONFIRMED_MS) await this.ping();
  }

  /** Given the canary as it is stored now. */
  #confirm(text: string | undefined): void {
    if (text !== this.#canary.text) {
      if (text === undefined) throw emptied();
      if (storeIdOf(this.#unseal(CANARY, text)) !== this.#canary.id) throw exchanged();
      this.#canary = { ...this.#canary, text };
    }
    this.#confirmedAt = performance.now();
  }

  /** Why what is written may be lost all the same, in sentences for the operator. */
  async weaknesses(): Promise<readonly string[]> {
    return (await this.#store.weaknesses?.()) ?? [];
  }

  /** Seals all that is stored with the current key; see `rewrap`. */
  rewrap(onProgress?: (so: Rewrapped) => void): Promise<Rewrapped> {
    return rewrap(this.#store, this.#keyring, onProgress);
  }

  /** Removes what expires as long as the keystore is open. */
  sweep(): void {
    this.#stopSweeping ??= startSweeping(this.#store);
  }

  /** Seals a value that travels through other hands, such as a cursor. It opens for the same context only. */
  seal(context: string, value: unknown): string {
    return this.#seal(travelContext(context), value);
  }

  unseal<T>(context: string, sealed: string): T {
    return this.#unseal<T>(travelContext(context), sealed);
  }

  close(): Promise<void> {
    this.#stopSweeping?.();
    this.#recalled.clear();
    return this.#store.close();
  }

  #opened<T>(key: StoreKey, sealed: string | undefined): Sealed<T> | undefined {
    return sealed === undefined ? undefined : { value: this.#unseal<T>(key, sealed), sealed };
  }

  #seal(context: string, value: unknown): string {
    return seal(this.#keyring.current, context, Buffer.from(JSON.stringify(value), 'utf8'));
  }

  #unseal<T>(context: string, sealed: string): T {
    return JSON.parse(this.#plain(context, sealed).toString('utf8')) as T;
  }

  #plain(context: string, sealed: string): Buffer {
    return open(this.#keyring, context, sealed);
  }
}

const given = <T>(it: Recalled<T> | undefined): Sealed<T> | undefined =>
  it?.sealed === undefined ? undefined : (it as Sealed<T>);

/** So that nobody who is given a shared value changes it for the others. */
function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const it of Object.values(value)) deepFreeze(it);
    Object.freeze(value);
  }
  return value;
}

/** A text that was handed out must never pass for a row, nor the other way round: no StoreKey has a blank in it. */
function travelContext(context: string): string {
  return `travel ${context}`;
}

export type OpenedKeystore = {
  readonly keystore: Keystore;
  /** What the operator should read once: that a key was made, and where. */
  readonly notice?: string;
  /** Where the store is, fit to be shown: without user, password and parameters. */
  readonly storeUrl: string;
  readonly driver: string;
  readonly keySource: KeySource;
};

/**
 * Opens the keystore of a data folder, which is made if need be and is the owner's alone (0700). The store is the one
 * TIELINE_STORE names, else `<home>/tieline.db`. At the very first start a master key is made where none is set. A store
 * that is empty, or another one, although the folder has been used with it is refused.
 *
 * Throws `config_invalid`, `store_unavailable`, `key_invalid`, `key_wrong`, `keystore_tampered`.
 */
export async function openKeystore(options: { home: string; env: NodeJS.ProcessEnv }): Promise<OpenedKeystore> {
  const home = resolve(options.home);
  await makeHome(home);
  const storeUrl = options.env.TIELINE_STORE?.trim() || `sqlite:${join(home, 'tieline.db')}`;
  const name = nameOfStore(storeUrl, home);
  const isLasting = !/^memory:/i.test(storeUrl);
  const before = isLasting ? await readBegun(home, name) : undefined;
  // Whoever makes a key has made the store before.
  if (keyFileIn(options.env, home) !== undefined && (await isEmptyFile(storeUrl))) throw emptySince(home, name);
  const store = await openStore(storeUrl);
  try {
    const isFilled = await hasData(store);
    if (before !== undefined && !isFilled) throw emptySince(home, name);
    const { keyring, notice } = await readKeyring({ env: options.env, home, mayCreate: !isFilled });
    const keystore = await Keystore.open({ store, keyring });
    if (before !== undefined && before !== keystore.storeId) throw anotherSince(home, name);
    if (before === undefined && isLasting) await noteBegun(home, name, keystore.storeId);
    keystore.sweep();
    const opened = { keystore, storeUrl: shownUrl(storeUrl), driver: store.driver, keySource: keyring.source };
    return notice === undefined ? opened : { ...opened, notice };
  } catch (error) {
    await store.close().catch(() => undefined); // the first failure is the one to tell
    throw error;
  }
}

/** For use within one process: nothing is written anywhere. */
export async function memoryKeystore(): Promise<Keystore> {
  return Keystore.open({ store: await openStore('memory:'), keyring: memoryKeyring() });
}

/** Whether the store is a file which is there and has nothing in it. */
async function isEmptyFile(storeUrl: string): Promise<boolean> {
  const file = fileOfStore(storeUrl);
  return file !== undefined && (await stat(file).catch(() => undefined))?.size === 0;
}

async function makeHome(home: string): Promise<void> {
  try {
    await mkdir(home, { recursive: true, mode: 0o700 });
    // Not without need: a folder that is right may be on a file system that is read-only.
    if (((await stat(home)).mode & 0o777) !== 0o700) await chmod(home, 0o700);
  } catch (cause) {
    throw homeFailure(home, codeOf(cause), cause);
  }
}

function homeFailure(home: string, code: string, cause: unknown): TielineError {
  const [what, hint] = HOME_REASONS[code] ?? [
    'cannot be made private',
    'Set TIELINE_HOME to a folder of the user that runs Tieline',
  ];
  return new TielineError('config_invalid', `the data folder ${home} ${what}`, { hint, cause });
}

const HOME_REASONS: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  EROFS: ['is on a read-only file system', 'Mount it writable, or set TIELINE_HOME to a folder that can be written'],
  EACCES: [
    'cannot be made: the user that runs Tieline may not write there',
    'Set TIELINE_HOME to a folder of that user, or give it access',
  ],
  ENOSPC: ['cannot be made: the disk is full', 'Free some space on that disk'],
};
