import { cleanError } from './cleanerror.ts';
import { scrubValues } from './secret.ts';

/**
 * The texts that one account, sign-in or form knows, and that must not leave with what comes of it. Nobody else's: who
 * could have them looked for in what others read could find them out, or blank what others read.
 */
export class Secrets {
  #texts: readonly string[];

  constructor(texts: readonly string[] = NONE) {
    this.#texts = texts;
  }

  /** Each once, longest first. The same list for the same texts, as long as it can be. */
  get texts(): readonly string[] {
    return this.#texts;
  }

  keep(more: readonly string[]): void {
    this.#texts = together(this.#texts, more);
  }

  /** The text with `[secret]` in place of each, in whatever form it travels. */
  readonly scrub = (text: string): string => scrubValues(text, this.#texts);

  /** Runs the work, whose errors then tell none of them. */
  async guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw cleanError(error, this.scrub);
    }
  }
}

const NONE: readonly string[] = [];

type Joined = { readonly more: string; readonly all: readonly string[] };

const joined = new WeakMap<readonly string[], Joined>();

/** What is looked for is kept with the list, and most requests of an account add the same to it. */
function together(texts: readonly string[], given: readonly string[]): readonly string[] {
  const more = given.filter((it) => !texts.includes(it));
  if (more.length === 0) return texts;
  if (texts.length === 0) return given;
  const text = more.join('\0');
  const known = joined.get(texts);
  if (known?.more === text) return known.all;
  const all = longestFirst([...texts, ...more]);
  joined.set(texts, { more: text, all });
  return all;
}

/** These texts, each once. */
export const longestFirst = (texts: Iterable<string>): readonly string[] =>
  [...new Set(texts)].sort((a, b) => b.length - a.length);
