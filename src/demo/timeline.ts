import { styleText } from 'node:util';

export type Observation = { readonly name: string; readonly ok: boolean; readonly detail: string };

/** What was seen, told as it happens to a person at a terminal, and kept for programs. */
export class Timeline {
  readonly observations: Observation[] = [];
  readonly #start = Date.now();
  readonly #write: (text: string) => void;
  readonly #isLive: boolean;

  constructor(write: (text: string) => void, isLive: boolean) {
    this.#write = write;
    this.#isLive = isLive;
  }

  heading(text: string): void {
    this.#write(`\n${this.#style('bold', text)}\n`);
  }

  say(text: string): void {
    this.#write(`${this.#clock()}    ${text}\n`);
  }

  observe(name: string, ok: boolean, detail: string): void {
    this.observations.push({ name, ok, detail });
    this.#write(`${this.#clock()}  ${ok ? this.#style('green', '✓') : this.#style('red', '✗')} ${detail}\n`);
  }

  /** Waits, and shows on a terminal how long. */
  async wait(ms: number, why: string): Promise<void> {
    const end = Date.now() + ms;
    if (!this.#isLive) this.say(`${why}, ${Math.ceil(ms / 1_000)} s`);
    while (Date.now() < end) {
      const left = Math.ceil((end - Date.now()) / 1_000);
      if (this.#isLive) this.#write(`\r${this.#clock()}    ${why}, ${left} s `);
      await new Promise((resolve) => setTimeout(resolve, Math.min(250, Math.max(1, end - Date.now()))));
    }
    if (this.#isLive) this.#write(`\r${this.#clock()}    ${why}     \n`);
  }

  #clock(): string {
    return this.#style('dim', `${((Date.now() - this.#start) / 1_000).toFixed(1).padStart(5)} s`);
  }

  #style(format: 'bold' | 'dim' | 'green' | 'red', text: string): string {
    return this.#isLive ? styleText(format, text) : text;
  }
}
