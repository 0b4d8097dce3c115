type Waiter = { readonly bytes: number; readonly go: () => void };

/** Memory for what is being read: whoever finds none left waits its turn. What is larger than all of it goes alone. */
export class ByteBudget {
  readonly #most: number;
  readonly #queue = new Set<Waiter>();
  #taken = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get taken(): number {
    return this.#taken;
  }

  /**
   * Takes some, and calls `go` when it has: at once where there is enough. Gives what is to be called once at the end,
   * whether it has come to that or not.
   */
  take(bytes: number, go: () => void): () => void {
    const waiter: Waiter = { bytes, go };
    this.#queue.add(waiter);
    this.#next();
    return () => {
      if (!this.#queue.delete(waiter)) this.#taken -= bytes;
      this.#next();
    };
  }

  #next(): void {
    for (const waiter of this.#queue) {
      if (this.#taken > 0 && this.#taken + waiter.bytes > this.#most) return;
      this.#queue.delete(waiter);
      this.#taken += waiter.bytes;
      waiter.go();
    }
  }
}
