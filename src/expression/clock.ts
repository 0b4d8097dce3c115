/** How long code has run: the time of the process, as the wall clock goes on while a busy machine does something else. */
export class Clock {
  readonly #limitMs: number;
  readonly #cpu = process.cpuUsage();
  readonly #startedAt = performance.now();
  #lookAt: number;
  #isUp = false;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
    this.#lookAt = this.#startedAt + limitMs;
  }

  /** True from when the limit has passed. Cheap: before that moment by the wall clock it asks for nothing else. */
  isUp(): boolean {
    const now = performance.now();
    if (this.#isUp || now <= this.#lookAt) return this.#isUp;
    const leftMs = this.#limitMs - this.usedMs();
    this.#isUp = leftMs <= 0;
    this.#lookAt = now + leftMs;
    return this.#isUp;
  }

  /** Milliseconds since it was made. Other threads of the process count as well, but never more than the wall clock. */
  usedMs(): number {
    const { user, system } = process.cpuUsage(this.#cpu);
    return Math.min(performance.now() - this.#startedAt, (user + system) / 1_000);
  }
}
