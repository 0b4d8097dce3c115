import { TielineError } from '../errors.ts';

/** The stored text of one entry: Keyv's own record format, `{"value": "…", "expires": <ms since 1970>}`. */
export function encodeEntry(value: string, ttlMs?: number): string {
  return JSON.stringify(ttlMs === undefined ? { value } : { value, expires: Date.now() + ttlMs });
}

/** The text of the same entry with another value, which ends when it would have. */
export const withValue = (text: string, value: string): string =>
  JSON.stringify({ ...(JSON.parse(text) as object), value });

/** The value while it lives, undefined once it expired. Throws `keystore_tampered` when the text is no entry. */
export function decodeEntry(key: string, text: string): string | undefined {
  const entry = parse(text);
  if (typeof entry !== 'object' || entry === null || !('value' in entry) || typeof entry.value !== 'string') {
    throw new TielineError('keystore_tampered', `the stored record ${key} is not one Tieline wrote`);
  }
  const expires = 'expires' in entry ? entry.expires : undefined;
  return typeof expires === 'number' && expires <= Date.now() ? undefined : entry.value;
}

/** Whether an entry has expired, told by its end alone. */
export function isOver(text: string): boolean {
  const [, expires] = /,"expires":(\d{1,15})\}$/.exec(text.slice(-40)) ?? [];
  return expires !== undefined && Number(expires) <= Date.now();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
