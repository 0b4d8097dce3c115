import { Keyv, type KeyvStoreAdapter } from 'keyv';
import { isTielineError, type TielineError } from '../errors.ts';
import { decodeEntry, encodeEntry, withValue } from './entry.ts';
import type { Store, StoreKey } from './store.ts';
import type { Stamp } from './walstamp.ts';

/** What one kind of storage brings. Its texts are entries (see entry.ts) and opaque to it. */
export type Backend = {
  readonly driver: string;
  /** Tells of changes, where that can be done without reading. */
  readonly stamp?: Stamp;
  /** Must have `getMany` unless reading cannot fail: without it Keyv turns a failed read into "absent". */
  readonly adapter: KeyvStoreAdapter | Map<string, string>;
  /** The row a key is stored in, another one for each key; the key itself when absent. */
  row?(key: StoreKey): string;
  /** The key of a row, where the row is not the key. */
  keyOf?(row: string): string;
  /**
   * Runs every operation of the store, of which none starts otherwise: the place for a connection, a time limit, and for
   * trying again. One that was refused has done nothing yet.
   */
  run?<T>(operation: () => Promise<T>, kind: 'reads' | 'writes'): Promise<T>;
  /**
   * Atomically puts `to` in the place of `from`, where undefined means no row; false when `from` is not there. It stays,
   * or `keepsEnd` and ends when `from` would have, where the storage itself ends rows.
   */
  swap(row: string, from: string | undefined, to: string, keepsEnd?: boolean): Promise<boolean>;
  /** Atomically removes the row if it still is `from`; false when it is not. */
  remove(row: string, from: string): Promise<boolean>;
  /** About `most` rows behind `after` with their texts; see `Store.page`. */
  page(after: string | undefined, most: number): Promise<BackendPage>;
  /** See `Store.sweep`. */
  sweep?(after: string | undefined, most: number): Promise<string | undefined>;
  /** See `Store.weaknesses`. */
  weaknesses?(): Promise<readonly string[]>;
  /** Epoch milliseconds by the clock of the server, where there is one. */
  time?(): Promise<number>;
  /** The `store_unavailable` for an error of any of the above. */
  failure(error: unknown): TielineError;
};

export type BackendPage = {
  readonly rows: readonly (readonly [row: string, text: string])[];
  readonly next: string | undefined;
};

/**
 * The one wrapper over Keyv. Keyv moves texts and nothing more:
 * - no namespace: in Keyv those are prefixes which `clear` and LIKE cross, not a boundary. `clear` is never called.
 * - expiry is read here: Keyv deletes what it sees expired without a look at what has been written there since.
 * - `throwOnErrors`: by default a broken database reads as "not found".
 */
export function keyvStore(backend: Backend): Store {
  const keyv = new Keyv<string>(backend.adapter, {
    namespace: '',
    throwOnErrors: true,
    emitErrors: false,
    serialize: ({ value }) => String(value),
    deserialize: <Value>(text: string) => ({ value: text as Value }),
  });
  const { row = (key) => key, keyOf = (it) => it, run = (operation) => operation(), sweep, weaknesses } = backend;
  let closing: Promise<void> | undefined;

  async function attempt<T>(operation: () => Promise<T>, kind: 'reads' | 'writes' = 'reads'): Promise<T> {
    try {
      return await run(operation, kind);
    } catch (error) {
      throw isTielineError(error) ? error : backend.failure(error);
    }
  }

  async function write<T>(operation: () => Promise<T>): Promise<T> {
    try {
      return await attempt(operation, 'writes');
    } finally {
      backend.stamp?.noteWrite(); // it may have been written, whatever was answered
    }
  }

  const exchange = (key: StoreKey, expected: string | undefined, next: string, keepsEnd: boolean) =>
    write(async () => {
      for (;;) {
        const text = await keyv.get(row(key));
        const current = text === undefined ? undefined : decodeEntry(key, text);
        if (current !== expected) return false;
        const entry = keepsEnd && text !== undefined ? withValue(text, next) : encodeEntry(next);
        // A row may also change without its value: an expired one is swept, a live one set again.
        if (await backend.swap(row(key), text, entry, keepsEnd)) return true;
      }
    });

  return {
    driver: backend.driver,
    ...(backend.stamp && { stamp: backend.stamp.stamp }),
    ...(backend.time && { time: () => attempt(async () => (await backend.time?.()) ?? Number.NaN) }),

    get: (key) =>
      attempt(async () => {
        const text = await keyv.get(row(key));
        return text === undefined ? undefined : decodeEntry(key, text);
      }),

    getMany: (keys) =>
      attempt(async () => {
        if (keys.length === 0) return [];
        const texts = await keyv.getMany(keys.map((key) => row(key)));
        return texts.map((text, index) => (text === undefined ? undefined : decodeEntry(keys[index] ?? '', text)));
      }),

    set: (key, value, ttlMs) =>
      write(async () => {
        // For a backend that counts for itself, in whole milliseconds, and to which 0 would mean "stays".
        const ttl = ttlMs === undefined ? undefined : Math.max(1, Math.ceil(ttlMs));
        if (!(await keyv.set(row(key), encodeEntry(value, ttlMs), ttl))) throw new Error('the write was refused');
      }),

    delete: (key) =>
      write(async () => {
        for (;;) {
          const text = await keyv.get(row(key));
          if (text === undefined) return false;
          const wasAlive = decodeEntry(key, text) !== undefined;
          if (await backend.remove(row(key), text)) return wasAlive;
        }
      }),

    replace: (key, expected, next) => exchange(key, expected, next, false),

    reseal: (key, expected, next) => exchange(key, expected, next, true),

    page: (after, most) =>
      attempt(async () => {
        const { rows, next } = await backend.page(after, most);
        return { rows: rows.map(([it, text]) => ({ key: keyOf(it) as StoreKey, value: valueIn(text) })), next };
      }),

    ...(sweep && { sweep: (after, most) => write(() => sweep(after, most)) }),

    ...(weaknesses && { weaknesses: () => attempt(weaknesses) }),

    close: () => {
      closing ??= keyv.disconnect().catch((error) => {
        throw backend.failure(error);
      });
      return closing;
    },
  };
}

/** '' for a text that is no entry. */
function valueIn(text: string): string {
  try {
    return decodeEntry('', text) ?? '';
  } catch {
    return '';
  }
}
