import { BoundedMap } from '../bounded.ts';

const MOST = 1_000;

/**
 * What the SDK has accepted from clients before, with what was found out then: what came once and was served need not be
 * checked again when it comes in the same words.
 */
export class AcceptedEnvelopes<Found> {
  readonly #found = new BoundedMap<string, Found>(MOST);

  get(key: string): Found | undefined {
    return this.#found.get(key);
  }

  add(key: string, found: Found): void {
    this.#found.set(key, found);
  }

  clear(): void {
    this.#found.clear();
  }
}

export const envelopeKey = (meta: object | undefined): string => (meta === undefined ? '' : JSON.stringify(meta));
