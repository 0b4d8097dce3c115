import { LRUCache } from 'lru-cache';

/** How much of something may be kept at once. Every place that grows with what others send declares one. */
export type Bound = {
  /** What is kept, in words. */
  readonly name: string;
  /** The most entries. */
  readonly entries: number;
  /** The most bytes of all keys and values together. One entry that is larger than this is not kept at all. */
  readonly bytes: number;
  /** How long an entry stays, in milliseconds; without it until others take its place. */
  readonly ms?: number;
  /** What happens when the bound is reached, in words. */
  readonly atBound: string;
};

const declared: Bound[] = [];

/** All bounds of the modules that are loaded, in the order in which those were. */
export const bounds: readonly Bound[] = declared;

/** Declares a bound, so that it stands in the table of all of them. */
export function bound(it: Bound): Bound {
  declared.push(it);
  return it;
}

/** Bytes of a text in memory, at most. */
export const sizeOfText = (text: string): number => 2 * text.length;

/** What an entry costs beyond its key and value, in bytes, roughly. */
const OVERHEAD = 100;

/**
 * A map that lets go of what was used longest ago rather than grow beyond its bound: for what can be made again.
 * `sizeOf` gives the bytes of a value, roughly.
 */
export class BoundedMap<Value extends object | string | number | boolean> {
  readonly #kept: LRUCache<string, Value>;

  constructor({ entries, bytes, ms }: Bound, sizeOf: (value: Value) => number) {
    this.#kept = new LRUCache<string, Value>({
      max: entries,
      maxSize: bytes,
      sizeCalculation: (value, key) => OVERHEAD + sizeOfText(key) + sizeOf(value),
      ...(ms !== undefined && { ttl: ms }),
    });
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Bytes of all that is kept. */
  get bytes(): number {
    return this.#kept.calculatedSize;
  }

  get(key: string): Value | undefined {
    return this.#kept.get(key);
  }

  has(key: string): boolean {
    return this.#kept.has(key);
  }

  set(key: string, value: Value): this {
    this.#kept.set(key, value);
    return this;
  }

  delete(key: string): boolean {
    return this.#kept.delete(key);
  }

  clear(): void {
    this.#kept.clear();
  }
}
