import { randomInt } from 'node:crypto';

/**
 * Texts to be found in others, all in one pass: the automaton of Aho and Corasick (1975). It takes as long as texts and
 * needles are, whatever they are made of and however many begin alike.
 */
export class Needles {
  /** Of each node, which stands for a beginning of a needle: the node before it, and the character between them. */
  readonly #parent: Int32Array;
  readonly #code: Uint16Array;
  /** The node of the longest end of its text that a needle begins with, too. */
  readonly #fail: Int32Array;
  /** Length of the longest needle that its text ends with; 0 for none. */
  readonly #longest: Int32Array;
  /** Nodes by what is before them: open addressing, 0 for a free place. */
  readonly #table: Int32Array;
  #nodes = 1;

  constructor(texts: Iterable<string>) {
    const needles = [...new Set(texts)].filter((it) => it !== '');
    const most = 1 + needles.reduce((sum, it) => sum + it.length, 0);
    this.#parent = new Int32Array(most);
    this.#code = new Uint16Array(most);
    this.#fail = new Int32Array(most);
    this.#longest = new Int32Array(most);
    this.#table = new Int32Array(2 ** Math.ceil(Math.log2(2 * most)));
    const depth = new Int32Array(most);
    for (const it of needles) {
      let node = 0;
      for (let i = 0; i < it.length; i++) node = this.#add(node, it.charCodeAt(i), depth);
      this.#longest[node] = it.length;
    }
    this.#link(depth);
  }

  /** The text with `replacement` for each stretch that they cover, together where they overlap. */
  replaceIn(text: string, replacement: string): string {
    const stretches = this.#stretchesIn(text);
    if (stretches.length === 0) return text;
    const parts: string[] = [];
    let kept = 0;
    for (const [start, end] of stretches) {
      parts.push(text.slice(kept, start));
      kept = end;
    }
    return [...parts, text.slice(kept)].join(replacement);
  }

  #stretchesIn(text: string): [start: number, end: number][] {
    const stretches: [number, number][] = [];
    let node = 0;
    for (let i = 0; i < text.length; i++) {
      node = this.#after(node, text.charCodeAt(i));
      const length = this.#longest[node]!;
      if (length === 0) continue;
      let start = i + 1 - length;
      for (let last = stretches.at(-1); last && last[1] > start; last = stretches.at(-1)) {
        start = Math.min(start, last[0]);
        stretches.pop();
      }
      stretches.push([start, i + 1]);
    }
    return stretches;
  }

  /** Where a character leads to. */
  #after(from: number, code: number): number {
    for (let node = from; ; node = this.#fail[node]!) {
      const next = this.#child(node, code);
      if (next !== 0 || node === 0) return next;
    }
  }

  #child(node: number, code: number): number {
    const mask = this.#table.length - 1;
    for (let slot = hash(node, code) & mask; ; slot = (slot + 1) & mask) {
      const child = this.#table[slot]!;
      if (child === 0 || (this.#parent[child] === node && this.#code[child] === code)) return child;
    }
  }

  #add(node: number, code: number, depth: Int32Array): number {
    const found = this.#child(node, code);
    if (found !== 0) return found;
    const made = this.#nodes++;
    this.#parent[made] = node;
    this.#code[made] = code;
    depth[made] = depth[node]! + 1;
    const mask = this.#table.length - 1;
    let slot = hash(node, code) & mask;
    while (this.#table[slot] !== 0) slot = (slot + 1) & mask;
    this.#table[slot] = made;
    return made;
  }

  /** Those that are less deep first, as the others are told by them. */
  #link(depth: Int32Array): void {
    for (const node of byDepth(depth.subarray(0, this.#nodes))) {
      if (depth[node]! > 1) this.#fail[node] = this.#after(this.#fail[this.#parent[node]!]!, this.#code[node]!);
      if (this.#longest[node] === 0) this.#longest[node] = this.#longest[this.#fail[node]!]!;
    }
  }
}

/** The nodes in order of their depth, by counting. */
function byDepth(depth: Int32Array): Int32Array {
  const starts = new Int32Array(depth.reduce((most, it) => Math.max(most, it), 0) + 2);
  for (const it of depth) starts[it + 1]! += 1;
  for (let i = 1; i < starts.length; i++) starts[i]! += starts[i - 1]!;
  const nodes = new Int32Array(depth.length);
  for (let node = 0; node < depth.length; node++) nodes[starts[depth[node]!]!++] = node;
  return nodes;
}

/** Not the same in two processes, so that nobody can choose needles which meet in one place. */
const [FIRST, SECOND] = [randomInt(2 ** 31) | 1, randomInt(2 ** 31) | 1];

function hash(node: number, code: number): number {
  const mixed = Math.imul(Math.imul(node, FIRST) ^ code, SECOND);
  return mixed ^ (mixed >>> 15);
}
