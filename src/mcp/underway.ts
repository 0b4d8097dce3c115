import { bound } from '../bounded.ts';

const BOUND = bound({
  name: 'requests of a stdio client under way',
  entries: 1_000,
  bytes: 64 * 1024 * 1024,
  atBound: 'no more is read before some of them are answered',
});

type Id = string | number;

/** Requests that wait for their answer, by id. A client that uses an id twice is owed two answers. */
export class UnderWay {
  readonly #asked = new Map<Id, { count: number; bytes: number }>();
  #count = 0;
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  get isFull(): boolean {
    return this.#count >= BOUND.entries || this.#bytes >= BOUND.bytes;
  }

  add(id: Id, bytes: number): void {
    const { count, bytes: before } = this.#asked.get(id) ?? { count: 0, bytes: 0 };
    this.#asked.set(id, { count: count + 1, bytes: before + bytes });
    this.#count += 1;
    this.#bytes += bytes;
  }

  answered(id: Id): void {
    const found = this.#asked.get(id);
    if (!found) return;
    const bytes = found.bytes / found.count;
    this.#count -= 1;
    this.#bytes -= bytes;
    if (found.count === 1) this.#asked.delete(id);
    else this.#asked.set(id, { count: found.count - 1, bytes: found.bytes - bytes });
  }

  /** Of those that are canceled no answer is owed. */
  canceled(id: Id): void {
    const found = this.#asked.get(id);
    if (!found) return;
    this.#count -= found.count;
    this.#bytes -= found.bytes;
    this.#asked.delete(id);
  }
}
