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

  get(key: string | undefined): Found | undefined {
    return key === undefined ? undefined : this.#found.get(key);
  }

  add(key: string | undefined, found: Found): void {
    if (key !== undefined && key.length <= 2 * LONGEST) this.#found.set(key, found);
  }

  clear(): void {
    this.#found.clear();
  }
}

/** Undefined for an envelope that is too long to be kept. */
export function envelopeKey(meta: object | undefined): string | undefined {
  if (meta === undefined) return '';
  return isShort(meta, LONGEST) ? JSON.stringify(meta) : undefined;
}

/** Whether a value has fewer characters than this in all, without going through a long one. */
function isShort(value: object, most: number): boolean {
  let left = most;
  const take = (it: unknown): boolean => {
    left -= typeof it === 'string' ? it.length : 4;
    if (left < 0) return false;
    if (typeof it !== 'object' || it === null) return true;
    for (const name in it) {
      left -= name.length;
      if (!take((it as Record<string, unknown>)[name])) return false;
    }
    return true;
  };
  return take(value);
}
