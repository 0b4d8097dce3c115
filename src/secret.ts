import { inspect } from 'node:util';
import { LRUCache } from 'lru-cache';
import { BoundedMap, bound, sizeOfText } from './bounded.ts';
import { Needles } from './needles.ts';
import { formsOf, plainForms, SHORTEST_FORM } from './secretforms.ts';

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
export const SHORTEST_SECRET = SHORTEST_FORM;

/**
 * The text with `[secret]` for each of these values, in the forms in which a token usually travels (`secretforms.ts`).
 * It takes as long as the text is, whatever the values are. What to look for is kept with the list, so that is not to be
 * changed.
 */
export function scrubValues(text: string, values: readonly string[]): string {
  if (values.length === 0) return text;
  const sought = soughtFor(values);
  return sought.mayBeIn(text) ? sought.needles().replaceIn(text, '[secret]') : text;
}

const BOUND = bound({
  name: 'forms of the secrets of accounts',
  entries: 2_000,
  bytes: 32 * 1024 * 1024,
  atBound: 'those used longest ago are made again when they are needed',
});

const kept = new LRUCache<readonly string[], Sought>({
  max: BOUND.entries,
  maxSize: BOUND.bytes,
  sizeCalculation: (it) => it.bytes,
});

/** By value, as those of one account are looked for together with what was made for one request of it. */
const forms = new BoundedMap<readonly string[]>(
  bound({
    name: 'forms of single secrets',
    entries: 10_000,
    bytes: 16 * 1024 * 1024,
    atBound: 'those used longest ago are made again when they are needed',
  }),
  (them) => them.reduce((sum, it) => sum + sizeOfText(it), 0),
);

function knownForms(value: string): readonly string[] {
  let known = forms.get(value);
  if (!known) {
    known = formsOf(value);
    forms.set(value, known);
  }
  return known;
}

/** Of more values than an account has, none is looked for encoded. */
const MOST_ENCODED = 200;

function soughtFor(values: readonly string[]): Sought {
  const found = kept.get(values);
  if (found) return found;
  // A missing value that became text by accident is none.
  const secrets = values.filter((it) => it.length >= SHORTEST_SECRET && it !== 'undefined');
  const sought = new Sought(secrets.flatMap(secrets.length > MOST_ENCODED ? plainForms : knownForms));
  kept.set(values, sought);
  return sought;
}

/** So many characters are looked at together, at one of so many places of a text: there each form has one of its starts. */
const GRAM = 4;
const STEP = SHORTEST_FORM - GRAM + 1;
const FLAGS = 1 << 13;

type Place = { readonly form: string; readonly at: number };

/** Forms that are looked for. Most texts have none of them, and are passed by with a look at every fifth place. */
class Sought {
  /** Bytes of all that is kept, at most. */
  readonly bytes: number;
  readonly #forms: readonly string[];
  readonly #flags = new Uint8Array(FLAGS);
  readonly #places = new Map<number, Place[]>();
  #needles: Needles | undefined;

  constructor(forms: readonly string[]) {
    this.#forms = forms;
    // The values come first, and most of what is made of them contains them.
    const apart: string[] = [];
    for (const it of forms)
      if (forms.length > MOST_COMPARED || !apart.some((other) => it.includes(other))) apart.push(it);
    for (const form of apart) for (let at = 0; at < STEP; at++) this.#mark(form, at);
    const characters = forms.reduce((sum, it) => sum + it.length, 0);
    this.bytes = FLAGS + 500 * apart.length + (sizeOfText('.') + BYTES_OF_NODE) * characters;
  }

  #mark(form: string, at: number): void {
    const gram = gramAt(form, at);
    this.#flags[slotOf(gram)] = 1;
    const places = this.#places.get(gram);
    if (places) places.push({ form, at });
    else this.#places.set(gram, [{ form, at }]);
  }

  /** False where there is none. True also where it would take too long to tell. */
  mayBeIn(text: string): boolean {
    let left = 4 * text.length + 10_000;
    for (let i = 0; i + GRAM <= text.length; i += STEP) {
      const gram = gramAt(text, i);
      if (this.#flags[slotOf(gram)] === 0) continue;
      for (const { form, at } of this.#places.get(gram) ?? NONE) {
        if (text.startsWith(form, i - at)) return true;
        left -= form.length;
        if (left < 0) return true;
      }
    }
    return false;
  }

  needles(): Needles {
    this.#needles ??= new Needles(this.#forms);
    return this.#needles;
  }
}

const BYTES_OF_NODE = 30;
const MOST_COMPARED = 1_000;
const NONE: readonly Place[] = [];

function gramAt(text: string, at: number): number {
  return (
    (text.charCodeAt(at) << 18) ^
    (text.charCodeAt(at + 1) << 12) ^
    (text.charCodeAt(at + 2) << 6) ^
    text.charCodeAt(at + GRAM - 1)
  );
}

const slotOf = (gram: number): number => (gram ^ (gram >>> 11)) & (FLAGS - 1);
