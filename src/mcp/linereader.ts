const LINE_BREAK = 10;
/** What is kept for the next line, in bytes. */
const FIRST_ROOM = 64 * 1024;

export type LineListener = {
  /** The bytes of a line without its break. They are only good until it returns. */
  line(bytes: Buffer): void;
  /** Once for a line that is longer than the longest, as soon as that is known. */
  tooLong(): void;
};

/**
 * Cuts what comes in, in pieces of any size, into lines of at most so many bytes. What is longer is skipped to its end,
 * and no more than `longest` is ever held.
 */
export class LineReader {
  readonly #longest: number;
  readonly #listener: LineListener;
  /** The beginning of a line, in the first `#size` bytes. Pieces of one byte each cost no more than one of all. */
  #held = Buffer.alloc(0);
  #size = 0;
  #isSkipping = false;
  #isStopped = false;

  constructor(longest: number, listener: LineListener) {
    this.#longest = longest;
    this.#listener = listener;
  }

  read(chunk: Buffer): void {
    let from = 0;
    while (from < chunk.length && !this.#isStopped) {
      const end = chunk.indexOf(LINE_BREAK, from);
      if (end < 0) this.#hold(chunk.subarray(from));
      else this.#finish(chunk.subarray(from, end));
      from = end < 0 ? chunk.length : end + 1;
    }
  }

  /** The last line needs no break. */
  end(): void {
    if (this.#size > 0) this.#finish(Buffer.alloc(0));
  }

  /** Nothing more is told. */
  stop(): void {
    this.#isStopped = true;
    this.#forget();
  }

  #finish(rest: Buffer): void {
    const isWhole = this.#size === 0;
    if (!isWhole || rest.length > this.#longest) this.#hold(rest);
    const line = isWhole ? rest : this.#held.subarray(0, this.#size);
    const isSkipped = this.#isSkipping;
    this.#isSkipping = false;
    this.#size = 0;
    try {
      if (!isSkipped) this.#listener.line(line);
    } finally {
      if (this.#held.length > FIRST_ROOM) this.#forget();
    }
  }

  #hold(part: Buffer): void {
    if (this.#isSkipping) return;
    const size = this.#size + part.length;
    if (size > this.#longest) {
      this.#isSkipping = true;
      this.#forget();
      this.#listener.tooLong();
      return;
    }
    if (size > this.#held.length) {
      const room = Buffer.allocUnsafe(Math.min(this.#longest, Math.max(FIRST_ROOM, 2 * size)));
      this.#held.copy(room, 0, 0, this.#size);
      this.#held = room;
    }
    part.copy(this.#held, this.#size);
    this.#size = size;
  }

  #forget(): void {
    this.#held = Buffer.alloc(0);
    this.#size = 0;
  }
}
