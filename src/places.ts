import { TielineError } from './errors.ts';

export type PlaceLimits = {
  /** The most under way at once under one name. */
  readonly most: number;
  /** The most that wait for a place, under one name and under all. */
  readonly waiting: { readonly each: number; readonly all: number };
  /** The most bytes that all who wait may hold. */
  readonly bytes: number;
};

export type Patience = {
  /** Milliseconds. */
  readonly ms: number;
  readonly signal?: AbortSignal | undefined;
  /** Bytes that whoever waits holds meanwhile. Asked only where it has to wait. */
  readonly bytes?: () => number;
};

type Waiter = { readonly go: () => void };
type Lane = { taken: number; readonly queue: Set<Waiter> };

/** Places for work under way, so many under each name; whoever comes too late waits in line, if the line is not too long. */
export class Places {
  readonly #limits: PlaceLimits;
  readonly #what: string;
  readonly #lanes = new Map<string, Lane>();
  #waiting = 0;
  #bytes = 0;

  /** `what` is under way, in words: `requests to this host`. */
  constructor(what: string, limits: PlaceLimits) {
    this.#what = what;
    this.#limits = limits;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Takes a place, to be given back with `free`. Undefined where there was one at once; else what comes with one. Throws
   * `too_many_requests` where the line is full or patience ends, and `canceled`.
   */
  take(name: string, patience: Patience): Promise<void> | undefined {
    let lane = this.#lanes.get(name);
    if (!lane) {
      lane = { taken: 0, queue: new Set() };
      this.#lanes.set(name, lane);
    }
    if (lane.taken < this.#limits.most) {
      lane.taken += 1;
      return undefined;
    }
    return this.#wait(lane, patience);
  }

  free(name: string): void {
    const lane = this.#lanes.get(name);
    if (!lane) return;
    const [next] = lane.queue;
    if (next) {
      next.go();
      return;
    }
    lane.taken -= 1;
    if (lane.taken === 0) this.#lanes.delete(name);
  }

  #wait({ queue }: Lane, { ms, signal, bytes: sizeOf }: Patience): Promise<void> {
    const { waiting, bytes: mostBytes } = this.#limits;
    const bytes = queue.size < waiting.each && this.#waiting < waiting.all ? (sizeOf?.() ?? 0) : 0;
    const isFull = queue.size >= waiting.each || this.#waiting >= waiting.all || this.#bytes + bytes > mostBytes;
    if (isFull || ms <= 0) return Promise.reject(this.#tooMany());
    return new Promise((resolve, reject) => {
      const end = () => {
        queue.delete(waiter);
        this.#waiting -= 1;
        this.#bytes -= bytes;
        clearTimeout(timer);
        signal?.removeEventListener('abort', cancel);
      };
      const waiter: Waiter = {
        go() {
          end();
          resolve();
        },
      };
      const timer = setTimeout(() => {
        end();
        reject(this.#tooMany());
      }, ms);
      const cancel = () => {
        end();
        reject(new TielineError('canceled', 'the call was canceled', { cause: signal?.reason }));
      };
      queue.add(waiter);
      this.#waiting += 1;
      this.#bytes += bytes;
      if (signal?.aborted) return cancel();
      signal?.addEventListener('abort', cancel, { once: true });
    });
  }

  #tooMany(): TielineError {
    return new TielineError('too_many_requests', `too many ${this.#what} are under way`, {
      hint: 'Wait until some are done, then try again; make fewer at a time.',
      retryAfter: 2,
    });
  }
}
