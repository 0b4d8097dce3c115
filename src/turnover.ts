/** What ends work that had to make room: it says that it was ended, and may be tried again. */
export class Overtaken extends Error {}

type Running = { readonly name: string; readonly controller: AbortController };

/**
 * Work of which only so much is under way at once, and for which nobody waits: whoever comes when all places are taken
 * gets that of the oldest work of the name with most under way. So what hangs makes room for what does not, and who
 * starts much of it displaces his own.
 */
export class Turnover {
  readonly #most: number;
  /** In the order in which they began. */
  readonly #running = new Set<Running>();

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#running.size;
  }

  /** `ms` is the longest that it may take. Aborts the signal at the end of its time, or with `Overtaken`. */
  async run<T>(name: string, ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#running.size >= this.#most) this.#makeRoom();
    const controller = new AbortController();
    const running: Running = { name, controller };
    this.#running.add(running);
    const { signal } = controller;
    const timer = setTimeout(() => controller.abort(new Error('it took too long')), ms);
    const ended = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    ended.catch(() => undefined);
    try {
      return await Promise.race([work(signal), ended]);
    } finally {
      clearTimeout(timer);
      this.#running.delete(running);
    }
  }

  #makeRoom(): void {
    const counts = new Map<string, number>();
    for (const { name } of this.#running) counts.set(name, (counts.get(name) ?? 0) + 1);
    const most = Math.max(...counts.values());
    for (const it of this.#running) {
      if (counts.get(it.name) !== most) continue;
      this.#running.delete(it);
      it.controller.abort(new Overtaken('others had to be let through'));
      return;
    }
  }
}
