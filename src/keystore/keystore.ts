import { chmod, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { TielineError } from '../errors.ts';
import { open, seal, sealedWith } from './envelope.ts';
import { GatheredReads } from './gathered.ts';
import { type Keyring, type KeySource, memoryKeyring, readKeyring } from './keyring.ts';
import { type Lease, type LeaseOptions, takeLease } from './lease.ts';
import { openStore } from './open.ts';
import { type Recalled, RecalledValues } from './recalled.ts';
import { shownUrl } from './server.ts';
import { type Store, type StoreKey, storeKey } from './store.ts';

/** A record every key must open: tells at the start, before anything is written, that the key is not the store's. */
export const CANARY = storeKey('keystore', 'canary');

/** A value and the text it was stored as, which is its version. */
export type Sealed<T> = { readonly value: T; readonly sealed: string };

/**
 * Values as JSON in a Store, each sealed for its key. The only place that sees stored credentials in plaintext.
 *
 * Every method may throw `store_unavailable`; reading may throw `key_wrong` and `keystore_tampered`. None of these
 * ever reads as "absent". Not detected: that a row was deleted or put back to an earlier state of itself.
 */
export class Keystore {
  readonly #store: Store;
  readonly #keyring: Keyring;
  readonly #recalled = new RecalledValues();
  readonly #gathered: GatheredReads;

  private constructor(store: Store, keyring: Keyring) {
    this.#store = store;
    this.#keyring = keyring;
    this.#gathered = new GatheredReads(store);
  }

  /** Throws `key_wrong` when the store was written with keys that are not on the ring. Takes over the store. */
  static async open({ store, keyring }: { store: Store; keyring: Keyring }): Promise<Keystore> {
    const keystore = new Keystore(store, keyring);
    // Losing the race is as good as winning it: either way the check below is against what is stored.
    if ((await store.get(CANARY)) === undefined) await keystore.replace(CANARY, undefined, 'tieline');
    const canary = await store.get(CANARY);
    if (canary === undefined) throw new TielineError('store_unavailable', 'the store does not keep what is written');
    const needed = sealedWith(canary);
    if (keyring.find(needed) === undefined) {
      throw new TielineError(
        'key_wrong',
        `the store is sealed with key ${needed}, but the key is ${keyring.current.id}`,
        {
          hint: `Provide key ${needed}; to replace it by a new one list both, the new one first`,
        },
      );
    }
    keystore.#unseal(CANARY, canary);
    return keystore;
  }

  async read<T>(key: StoreKey): Promise<Sealed<T> | undefined> {
    return this.#opened<T>(key, await this.#store.get(key));
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
    return keys.map((key, index) => this.#opened<T>(key, texts[index]));
  }

  /** Writes unconditionally; the value is gone `ttlMs` milliseconds from now, or stays. */
  async write(key: StoreKey, value: unknown, ttlMs?: number): Promise<void> {
    await this.#store.set(key, this.#seal(key, value), ttlMs);
  }

  /** Writes only over the version that was read, undefined being absence. Gives undefined if somebody was faster. */
  async replace(
    key: StoreKey,
    previous: { readonly sealed: string } | undefined,
    value: unknown,
  ): Promise<{ readonly sealed: string } | undefined> {
    const sealed = this.#seal(key, value);
    return (await this.#store.replace(key, previous?.sealed, sealed)) ? { sealed } : undefined;
  }

  /** True for exactly one of any number of concurrent callers, and only if there was something to delete. */
  delete(key: StoreKey): Promise<boolean> {
    return this.#store.delete(key);
  }

  /** See `takeLease`. The record of a lease holds no secret and is not sealed, so its key is for leases alone. */
  lease(key: StoreKey, options: LeaseOptions): Promise<Lease | 'settled'> {
    return takeLease(this.#store, key, options);
  }

  /** Throws `store_unavailable` when the store does not answer. */
  async ping(): Promise<void> {
    await this.#store.get(CANARY);
  }

  /** Seals a value that travels through other hands, such as a cursor. It opens for the same context only. */
  seal(context: string, value: unknown): string {
    return this.#seal(travelContext(context), value);
  }

  unseal<T>(context: string, sealed: string): T {
    return this.#unseal<T>(travelContext(context), sealed);
  }

  close(): Promise<void> {
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
    return JSON.parse(open(this.#keyring, context, sealed).toString('utf8')) as T;
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

/** Whether a key has been at work on this store, so that another one would not do. */
export async function hasData(store: Store): Promise<boolean> {
  return (await store.get(CANARY)) !== undefined;
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
 * TIELINE_STORE names, else `<home>/tieline.db`. At the very first start a master key is made where none is set.
 *
 * Throws `config_invalid`, `store_unavailable`, `key_invalid`, `key_wrong`, `keystore_tampered`.
 */
export async function openKeystore(options: { home: string; env: NodeJS.ProcessEnv }): Promise<OpenedKeystore> {
  const home = resolve(options.home);
  await makeHome(home);
  const storeUrl = options.env.TIELINE_STORE?.trim() || `sqlite:${join(home, 'tieline.db')}`;
  const store = await openStore(storeUrl);
  try {
    const mayCreate = !(await hasData(store));
    const { keyring, notice } = await readKeyring({ env: options.env, home, mayCreate });
    const keystore = await Keystore.open({ store, keyring });
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

async function makeHome(home: string): Promise<void> {
  try {
    await mkdir(home, { recursive: true, mode: 0o700 });
    await chmod(home, 0o700);
  } catch (cause) {
    throw new TielineError('config_invalid', `the data folder ${home} cannot be made private`, {
      hint: 'Set TIELINE_HOME to a folder of the user that runs Tieline',
      cause,
    });
  }
}
