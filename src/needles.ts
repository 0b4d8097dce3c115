/** Characters by which texts are found; those to be found have at least as many. */
const START = 8;
const SLOTS = 1 << 16;

/** Texts to be found in others. To look for thousands of them takes about as long as to look for one. */
export class Needles {
  /** How often each was added. */
  readonly #counts = new Map<string, number>();
  readonly #byStart = new Map<string, string[]>();
  /** How many begin with characters of one hash: most places of a text are passed by with a look at this. */
  readonly #slots = new Uint32Array(SLOTS);

  add(text: string): void {
    const count = this.#counts.get(text) ?? 0;
    this.#counts.set(text, count + 1);
    if (count > 0) return;
    const start = text.slice(0, START);
    const alike = this.#byStart.get(start);
    if (alike) alike.push(text);
    else this.#byStart.set(start, [text]);
    this.#slots[slotAt(text, 0)]! += 1;
  }

  /** To be called once for each `add`. */
  delete(text: string): void {
    const count = this.#counts.get(text) ?? 0;
    if (count > 1) this.#counts.set(text, count - 1);
    if (count !== 1) return;
    this.#counts.delete(text);
    const start = text.slice(0, START);
    const others = this.#byStart.get(start)?.filter((it) => it !== text) ?? [];
    if (others.length > 0) this.#byStart.set(start, others);
    else this.#byStart.delete(start);
    this.#slots[slotAt(text, 0)]! -= 1;
  }

  /** The text with `replacement` for each stretch that they cover, together where they overlap. */
  replaceIn(text: string, replacement: string): string {
    let clean = '';
    let kept = 0;
    let end = 0;
    for (let at = 0; at + START <= text.length; at++) {
      if (this.#slots[slotAt(text, at)] === 0) continue;
      const length = this.#longestAt(text, at);
      if (length === 0) continue;
      if (at >= end) {
        clean += text.slice(kept, at) + replacement;
        end = at;
      }
      end = Math.max(end, at + length);
      kept = end;
    }
    return kept === 0 ? text : clean + text.slice(kept);
  }

  #longestAt(text: string, at: number): number {
    let longest = 0;
    for (const it of this.#byStart.get(text.slice(at, at + START)) ?? []) {
      if (it.length > longest && text.startsWith(it, at)) longest = it.length;
    }
    return longest;
  }
}

function slotAt(text: string, at: number): number {
  let hash = 0;
  for (let i = at; i < at + 4; i++) hash = Math.imul(hash, 31) + text.charCodeAt(i);
  return hash & (SLOTS - 1);
}
