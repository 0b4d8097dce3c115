import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto';
import { parseJson } from '../json.ts';
import { readDate } from './date.ts';
import { stripHtml } from './html.ts';

type Helper = (...args: readonly unknown[]) => unknown;

const ALGORITHMS = ['md5', 'sha1', 'sha256', 'sha512'];
const ENCODINGS = ['hex', 'base64', 'base64url'] as const;
const MOST_RANDOM_BYTES = 1_024;

const HELPERS: Readonly<Record<string, Helper>> = {
  base64: (value) => Buffer.from(text(value)).toString('base64'),
  base64url: (value) => Buffer.from(text(value)).toString('base64url'),
  fromBase64: (value) => Buffer.from(text(value), 'base64').toString(),
  fromBase64url: (value) => Buffer.from(text(value), 'base64url').toString(),
  base64ToBase64url: (value) => Buffer.from(text(value), 'base64').toString('base64url'),
  base64urlToBase64: (value) => Buffer.from(text(value), 'base64url').toString('base64'),
  hex: (value) => Buffer.from(text(value)).toString('hex'),
  sha256: (value, encoding) =>
    createHash('sha256')
      .update(text(value))
      .digest(oneOf(ENCODINGS, encoding ?? 'hex')),
  hmac: (algorithm, key, value, encoding) =>
    createHmac(oneOf(ALGORITHMS, algorithm), text(key))
      .update(text(value))
      .digest(oneOf(ENCODINGS, encoding ?? 'hex')),
  uuid: () => randomUUID(),
  random: (count) => {
    if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || count > MOST_RANDOM_BYTES) {
      throw new TypeError(`random() gives 1 to ${MOST_RANDOM_BYTES} bytes`);
    }
    return randomBytes(count).toString('base64url');
  },
  now: () => Math.floor(Date.now() / 1000),
  isoDate: (value) => readDate(value)?.toISOString(),
  epoch: (value) => {
    const date = readDate(value);
    return date && Math.floor(date.getTime() / 1000);
  },
  // RFC 3986 section 2.2 reserves these five, which encodeURIComponent leaves alone
  urlencode: (value) =>
    encodeURIComponent(text(value)).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`),
  pick: (value, ...names) => filterKeys(value, (key) => names.includes(key)),
  omit: (value, ...names) => filterKeys(value, (key) => !names.includes(key)),
  stripHtml: (value) => stripHtml(text(value)),
};

/**
 * Runs a helper for the sandbox: JSON array of arguments in, `=` + JSON out; `=` alone is undefined, and `!` + message
 * an error. Texts are all that crosses, so no object of the host is ever in reach of an expression.
 */
export function callHelper(name: string, argsJson: string): string {
  try {
    const helper = Object.hasOwn(HELPERS, name) ? HELPERS[name] : undefined;
    const args: unknown = parseJson(argsJson);
    if (helper === undefined || !Array.isArray(args)) throw new TypeError(`no function ${name}`);
    return `=${JSON.stringify(helper(...args)) ?? ''}`;
  } catch (error) {
    return `!${error instanceof Error ? error.message : 'failed'}`;
  }
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new TypeError(
    `expected text, got ${Array.isArray(value) ? 'an array' : (value ?? null) === null ? 'nothing' : 'an object'}`,
  );
}

function oneOf<T extends string>(allowed: readonly T[], value: unknown): T {
  const found = allowed.find((name) => name === value);
  if (found === undefined) throw new TypeError(`expected ${allowed.join(', ')}`);
  return found;
}

function filterKeys(value: unknown, keep: (key: string) => boolean): unknown {
  if (value === null || value === undefined) return undefined;
  if (typeof value !== 'object' || Array.isArray(value)) throw new TypeError('expected an object');
  return Object.fromEntries(Object.entries(value).filter(([key]) => keep(key)));
}
