import { Keyv, type KeyvStoreAdapter } from 'keyv';
import { isTielineError, type TielineError } from '../errors.ts';
import { decodeEntry, encodeEntry } from './entry.ts';
import type { Store } from './store.ts';

/** What one kind of storage brings. Its texts are entries (see entry.ts) and opaque to it. */
export type Backend = {
  readonly driver: string;
  /** Must have `getMany` unless reading cannot fail: without it Keyv turns a failed read into "absent". */
  readonly adapter: KeyvStoreAdapter | Map<string, string>;
  /** Atomically puts `to` in the place of `from`, where undefined means no row; false when `from` is not there. */
  swap(key: string, from: string | undefined, to: string): Promise<boolean>;
  /** Atomically removes the row if it still is `from`; false when it is not. */
  remove(key: string, from: string): Promise<boolean>;
  /** The `store_unavailable` for an error of any of the above. */
  failure(error: unknown): TielineError;
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
  let closing: Promise<void> | undefined;

  async function attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw isTielineError(error) ? error : backend.failure(error);
    }
  }

  return {
    driver: backend.driver,

    get: (key) =>
      attempt(async () => {
        const text = await keyv.get(key);
        return text === undefined ? undefined : decodeEntry(key, text);
      }),

    getMany: (keys) =>
      attempt(async () => {
        if (keys.length === 0) return [];
        const texts = await keyv.getMany([...keys]);
        return texts.map((text, index) => (text === undefined ? undefined : decodeEntry(keys[index] ?? '', text)));
      }),

    set: (key, value, ttlMs) =>
      attempt(async () => {
        if (!(await keyv.set(key, encodeEntry(value, ttlMs), ttlMs))) throw new Error('the write was refused');
      }),

    delete: (key) =>
      attempt(async () => {
        for (;;) {
          const text = await keyv.get(key);
          if (text === undefined) return false;
          const wasAlive = decodeEntry(key, text) !== undefined;
          if (await backend.remove(key, text)) return wasAlive;
        }
      }),

    replace: (key, expected, next) =>
      attempt(async () => {
        const text = await keyv.get(key);
        const current = text === undefined ? undefined : decodeEntry(key, text);
        return current === expected && backend.swap(key, text, encodeEntry(next));
      }),

    close: () => {
      closing ??= attempt(() => keyv.disconnect());
      return closing;
    },
  };
}
