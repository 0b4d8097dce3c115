import { inspect } from 'node:util';
import { Needles } from './needles.ts';

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
export const SHORTEST_SECRET = 8;
const MOST_LIVE_SECRETS = 10_000;

/** The forms of a secret, and those of them without which none of them can be there: the others contain one of these. */
type Forms = { readonly all: readonly string[]; readonly shortest: readonly string[] };

/** The live secrets, the one used longest ago first, with their forms once those were asked for. */
const live = new Map<string, Forms | undefined>();

/** The forms of the live secrets, but for those that came since somebody looked. */
const needles = new Needles();
const unseen = new Set<string>();

/** Makes `scrub` replace this value, in the forms in which a token usually travels, wherever it turns up in text. */
export function remember(value: string): void {
  // A missing value that became text by accident is none.
  if (value.length < SHORTEST_SECRET || value === 'undefined') return;
  const made = live.get(value);
  // Which one goes first matters to those only that are many.
  if (live.size < MOST_LIVE_SECRETS / 2 && live.has(value)) return;
  if (!live.delete(value)) {
    if (live.size >= MOST_LIVE_SECRETS) forgetOldest(MOST_LIVE_SECRETS / 8);
    unseen.add(value);
  }
  live.set(value, made);
}

/** Several at once: to find the first of a map takes as long as there are deleted ones before it. */
function forgetOldest(count: number): void {
  let left = count;
  for (const [it, made] of live) {
    if (left-- <= 0) return;
    live.delete(it);
    if (!unseen.delete(it)) for (const form of made?.all ?? []) needles.delete(form);
  }
}

/** Token shapes that are secret wherever they stand, for values nobody told `remember` about. */
const TOKEN_SHAPES =
  /\b(?:ya29\.[\w-]{20,}|gh[opsur]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|xox[abeprs]-[\w-]{10,}|sk-(?:user|client)-[\w-]{10,}|sk_(?:live|test)_\w{10,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+)/g;

/** What follows the name of a scheme, unless it is a word, as in "basic authentication". */
const AFTER_SCHEME =
  /(?<=\b(?:[Bb]earer|BEARER|[Bb]asic|BASIC|[Tt]oken|TOKEN) )(?![a-z_-]+\.?(?![\w.~+/=]))[\w.~+/=-]{12,}/g;

/** Text that is safe to show: every live secret and everything shaped like a token is replaced by `[secret]`. */
export function scrub(text: string): string {
  for (const it of unseen) for (const form of formsOf(it).all) needles.add(form);
  unseen.clear();
  return needles.replaceIn(text, '[secret]').replace(TOKEN_SHAPES, '[secret]').replace(AFTER_SCHEME, '[secret]');
}

/**
 * The same for a known few values: what a call's own answer is checked with, as that check is on the hot path. What to
 * look for is kept with the list, so that is not to be changed.
 */
export function scrubValues(text: string, values: readonly string[]): string {
  let few = searched.get(values);
  if (!few) {
    const all = values.filter((it) => it.length >= SHORTEST_SECRET).map(formsOf);
    few = { all: all.map((it) => it.all), shortest: [...new Set(all.flatMap((it) => it.shortest))] };
    searched.set(values, few);
  }
  for (const it of few.shortest) if (text.includes(it)) return few.all.reduce(replaceAll, text);
  return text;
}

/** The forms of all values of a list, one after the other, and those without which none of them can be there. */
type Few = { readonly all: readonly (readonly string[])[]; readonly shortest: readonly string[] };

const searched = new WeakMap<readonly string[], Few>();

function replaceAll(text: string, variants: readonly string[]): string {
  let clean = text;
  for (const variant of variants) if (clean.includes(variant)) clean = clean.replaceAll(variant, '[secret]');
  return clean;
}

function formsOf(value: string): Forms {
  const known = live.get(value);
  if (known) return known;
  const made = makeForms(value);
  if (live.has(value)) live.set(value, made);
  return made;
}

function makeForms(value: string): Forms {
  const bytes = Buffer.from(value, 'utf8');
  const base64 = bytes.toString('base64').replace(/=+$/, '');
  const json = JSON.stringify(value).slice(1, -1);
  const form = new URLSearchParams([['', value]]).toString().slice(1);
  const shown = inspect(value, { breakLength: Number.POSITIVE_INFINITY, maxStringLength: null }).slice(1, -1);
  // A text of several lines, such as a private key, may stand indented, as inspect does with the cause of an error.
  const lines = value.split(/\r?\n/).filter((it) => it.length >= SHORTEST_SECRET);
  const encoded = [json, shown, percentEncoded(value), form, base64, bytes.toString('base64url')];
  const inside = [0, 1, 2].flatMap((offset) => [
    insideBase64(bytes, offset, 'base64'),
    insideBase64(bytes, offset, 'base64url'),
  ]);
  const all = [...new Set([value, ...encoded, ...inside, ...lines])];
  return { all, shortest: all.filter((it) => !all.some((other) => other !== it && it.includes(other))) };
}

/** What these bytes alone decide of a longer text, where so many others stand before them in their group of three. */
function insideBase64(bytes: Buffer, offset: number, alphabet: 'base64' | 'base64url'): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString(alphabet);
  return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
}

function percentEncoded(value: string): string {
  try {
    return encodeURIComponent(value);
  } catch {
    return value; // a lone surrogate has no percent-encoded form
  }
}
