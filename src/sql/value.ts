import { TielineError } from '../errors.ts';

/** Bytes in parameters and results, as JSON has none. */
export type Base64 = { readonly $base64: string };

/** A parameter as drivers take it. @throws TielineError `arguments_invalid` for what is not JSON. */
export function fromJson(name: string, value: unknown): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint')
    return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (isBase64(value)) return Buffer.from(value.$base64, 'base64');
  if (typeof value === 'object' && !(value instanceof Date)) return value;
  throw new TielineError('arguments_invalid', `the value of :${name} is not a JSON value`);
}

/** A value from a driver as JSON can hold it: text for a number that would lose digits, `$base64` for bytes. */
export function toJson(value: unknown): unknown {
  if (value === undefined) return null;
  if (typeof value === 'bigint') return exact(value);
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (value instanceof Uint8Array) return base64(value);
  return value;
}

/** A whole number, as text beyond 2^53. */
export function exact(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/** `2024-01-31 08:00:00.5+02` as ISO 8601 has it; what has no such form, such as `infinity`, stays. */
export function isoTime(text: string): string {
  const [, date, time, offset = ''] =
    /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)([+-]\d\d(?::\d\d)?)?$/.exec(text) ?? [];
  if (date === undefined) return text;
  return `${date}T${time}${/^[+-]00(?::00)?$/.test(offset) ? 'Z' : offset.replace(/^(...)$/, '$1:00')}`;
}

function base64(bytes: Uint8Array): Base64 {
  return { $base64: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64') };
}

function isBase64(value: unknown): value is Base64 {
  return (
    typeof value === 'object' &&
    value !== null &&
    '$base64' in value &&
    typeof value.$base64 === 'string' &&
    Object.keys(value).length === 1
  );
}
