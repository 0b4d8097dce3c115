import { BoundedMap, bound, sizeOfText } from '../bounded.ts';

/** Half of how long a value may stay, in milliseconds. */
const HALF_LIFE = 30_000;
/** Of each half. A value that was opened is about as large as its sealed text. */
const HALF = bound({
  name: 'records that were opened, in each of two halves',
  entries: 10_000,
  bytes: 16 * 1024 * 1024,
  ms: 2 * HALF_LIFE,
  atBound: 'the record asked for longest ago is read and opened again',
});

/** What has been opened: the text it was sealed as, both undefined where there is none, and the stamp of the store then. */
export type Recalled<T = unknown> = {
  readonly sealed: string | undefined;
  readonly value: T;
  readonly stamp: number | undefined;
};

/** The two halves take care of age, for all entries at once. */
const { ms: _, ...withoutAge } = HALF;
const newHalf = () => new BoundedMap<Recalled>(withoutAge, ({ sealed = '' }) => 2 * sizeOfText(sealed));

/**
 * Opened values for a while: those that are asked for with every call are not opened each time, and none is in memory for
 * longer than a minute. What is set goes into the younger of two halves, of which the older is let go every half minute.
 */
export class RecalledValues {
  #young = newHalf();
  #old = newHalf();
  #timer: NodeJS.Timeout | undefined;

  get(key: string): Recalled | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  set(key: string, recalled: Recalled): void {
    // What is only looked at anew stays as old as it is.
    const old = this.#old.get(key);
    const half = old && old.value === recalled.value ? this.#old : this.#young;
    half.set(key, recalled);
    this.#timer ??= setInterval(() => this.#age(), HALF_LIFE).unref();
  }

  clear(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#young = newHalf();
    this.#old = newHalf();
  }

  #age(): void {
    this.#old = this.#young;
    this.#young = newHalf();
    if (this.#old.size === 0) this.clear();
  }
}
