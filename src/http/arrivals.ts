import { type Bound, bound } from '../bounded.ts';
import { TielineError } from '../errors.ts';

const MB = 1024 * 1024;

/** How long a request may take to arrive, in milliseconds. */
export const ARRIVAL_MS = 60_000;

const ARRIVING = bound({
  name: 'bodies of requests that are arriving',
  entries: 10_000,
  bytes: 64 * MB,
  ms: ARRIVAL_MS,
  atBound: 'the one that has been arriving for longest is refused',
});

/** A body while it comes in. */
export type Arrival = {
  add(bytes: number): void;
  /** It is there, or will never be. */
  end(): void;
};

type Open = { bytes: number; readonly giveUp: (why: TielineError) => void };

/**
 * The bodies that are arriving, of all requests together. At the bound the one that began first is given up: whoever
 * sends all at once is done long before, and whoever never ends holds nobody up.
 */
export class Arrivals {
  readonly #open = new Set<Open>();
  readonly #most: Pick<Bound, 'entries' | 'bytes'>;
  #bytes = 0;

  constructor(most: Pick<Bound, 'entries' | 'bytes'> = ARRIVING) {
    this.#most = most;
  }

  /** Bytes that are held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** `giveUp` refuses the request; it may come from within `begin` or `add` of any other. */
  begin(giveUp: (why: TielineError) => void): Arrival {
    const open: Open = { bytes: 0, giveUp };
    this.#open.add(open);
    this.#makeRoom();
    return {
      add: (bytes) => {
        if (!this.#open.has(open)) return;
        open.bytes += bytes;
        this.#bytes += bytes;
        this.#makeRoom();
      },
      end: () => this.#end(open),
    };
  }

  #end(open: Open): void {
    if (this.#open.delete(open)) this.#bytes -= open.bytes;
  }

  #makeRoom(): void {
    while (this.#bytes > this.#most.bytes || this.#open.size > this.#most.entries) {
      const [oldest] = this.#open;
      if (!oldest) return;
      this.#end(oldest);
      oldest.giveUp(tooMuch());
    }
  }
}

/** Those of this process. */
export const arrivals = new Arrivals();

const tooMuch = (): TielineError =>
  new TielineError('too_many_requests', 'too much is being sent to the server at once', {
    hint: 'Send it again, all at once.',
    retryAfter: 1,
  });
