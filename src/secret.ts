import { inspect } from 'node:util';

/** A string that cannot reach a log, a JSON body or a template by accident: only `reveal()` shows it. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

/** Shorter values would blank ordinary words, and no provider issues tokens that short. */
const SHORTEST_SECRET = 8;
const MOST_LIVE_SECRETS = 2_000;

const live = new Map<string, readonly string[]>();

/** Makes `scrub` replace this value, in the forms in which a token usually travels, wherever it turns up in text. */
export function remember(value: string): void {
  if (value.length < SHORTEST_SECRET || live.has(value)) return;
  const oldest = live.size >= MOST_LIVE_SECRETS ? live.keys().next().value : undefined;
  if (oldest !== undefined) live.delete(oldest);
  live.set(value, forms(value));
}

/** Token shapes that are secret wherever they stand, for values nobody told `remember` about. */
const TOKEN_SHAPES =
  /\b(?:ya29\.[\w-]{20,}|gh[opsur]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|xox[abeprs]-[\w-]{10,}|sk-(?:user|client)-[\w-]{10,}|sk_(?:live|test)_\w{10,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+)|(?<=\b(?:bearer|basic|token) )[\w.~+/=-]{12,}/gi;

/** Text that is safe to show: every live secret and everything shaped like a token is replaced by `[secret]`. */
export function scrub(text: string): string {
  let clean = text;
  for (const variants of live.values()) clean = replaceAll(clean, variants);
  return clean.replace(TOKEN_SHAPES, '[secret]');
}

/** The same for a known few values: what a call's own answer is checked with, as that check is on the hot path. */
export function scrubValues(text: string, values: Iterable<string>): string {
  let clean = text;
  for (const value of values) {
    if (value.length >= SHORTEST_SECRET) clean = replaceAll(clean, live.get(value) ?? forms(value));
  }
  return clean;
}

function replaceAll(text: string, variants: readonly string[]): string {
  let clean = text;
  for (const variant of variants) if (clean.includes(variant)) clean = clean.replaceAll(variant, '[secret]');
  return clean;
}

function forms(value: string): readonly string[] {
  const bytes = Buffer.from(value, 'utf8');
  const base64 = bytes.toString('base64').replace(/=+$/, '');
  const json = JSON.stringify(value).slice(1, -1);
  return [...new Set([value, json, encodeURIComponentSafe(value), base64, bytes.toString('base64url')])];
}

function encodeURIComponentSafe(value: string): string {
  try {
    return encodeURIComponent(value);
  } catch {
    return value; // a lone surrogate has no percent-encoded form
  }
}
