import { isTielineError } from '../errors.ts';
import type { Store, StoreKey } from './store.ts';

type Batch = { readonly keys: Set<StoreKey>; readonly texts: Promise<ReadonlyMap<StoreKey, string | undefined>> };

/** What is read with all others, and a check of it that throws where they are not to be trusted. */
type Beside = { readonly key: StoreKey; check(text: string | undefined): void };

/** More are read apart: no statement is to grow without bound. */
const MOST_KEYS = 100;

/**
 * Reads of a store, gathered: those of one turn of the event loop go to it together, each key once. A server's answer to
 * a statement costs more than all the rest of a call.
 */
export class GatheredReads {
  readonly #store: Pick<Store, 'get' | 'getMany'>;
  readonly #beside: Beside | undefined;
  #batch: Batch | undefined;

  constructor(store: Pick<Store, 'get' | 'getMany'>, beside?: Beside) {
    this.#store = store;
    this.#beside = beside;
  }

  /** As `Store.get`, and never what was there before it was asked for. */
  async get(key: StoreKey): Promise<string | undefined> {
    if (!this.#batch || this.#batch.keys.size >= MOST_KEYS) this.#batch = this.#begin();
    const { keys, texts } = this.#batch;
    keys.add(key);
    try {
      return (await texts).get(key);
    } catch (error) {
      // The row of somebody else is damaged: that is for them to hear.
      if (keys.size > 1 && isTielineError(error) && error.code === 'keystore_tampered') return this.#store.get(key);
      throw error;
    }
  }

  #begin(): Batch {
    const keys = new Set<StoreKey>();
    const turn = new Promise<void>((resolve) => setImmediate(resolve));
    const texts = turn.then(() => {
      if (this.#batch === batch) this.#batch = undefined;
      return this.#read([...keys]);
    });
    const batch = { keys, texts };
    return batch;
  }

  async #read(keys: readonly StoreKey[]): Promise<ReadonlyMap<StoreKey, string | undefined>> {
    const texts = await this.#textsOf(this.#beside ? [...keys, this.#beside.key] : keys);
    this.#beside?.check(texts[keys.length]);
    return new Map(keys.map((key, index) => [key, texts[index]]));
  }

  async #textsOf(keys: readonly StoreKey[]): Promise<(string | undefined)[]> {
    const [only] = keys;
    return keys.length === 1 && only ? [await this.#store.get(only)] : this.#store.getMany(keys);
  }
}
