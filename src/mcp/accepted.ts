import { BoundedMap, bound, sizeOfText } from '../bounded.ts';

const ACCEPTED = bound({
  name: 'envelopes of MCP requests that were accepted',
  entries: 1_000,
  bytes: 4 * 1024 * 1024,
  atBound: 'requests like the one seen longest ago are checked by the SDK again',
});
/** Of a larger envelope no second one in the same words is expected. */
const LONGEST = 4_096;

/**
 * What the SDK has accepted from clients before, with what was found out then: what came once and was served need not be
 * checked again when it comes in the same words.
 */
export class AcceptedEnvelopes<Found extends object> {
  readonly #found = new BoundedMap<Found>(ACCEPTED, (it) => sizeOfText(JSON.stringify(it)));

  get(key: string): Found | undefined {
    return this.#found.get(key);
  }

  add(key: string, found: Found): void {
    if (key.length <= LONGEST) this.#found.set(key, found);
  }

  clear(): void {
    this.#found.clear();
  }
}

export const envelopeKey = (meta: object | undefined): string => (meta === undefined ? '' : JSON.stringify(meta));
