import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { TielineError } from '../errors.ts';
import type { Store, StoreKey } from './store.ts';

/**
 * The clocks of all machines on one store must differ by less than this. A lease is taken over only when it is over on
 * the clock of whoever takes it by more than that, so it is over on the clock of its owner too.
 */
export const CLOCK_TOLERANCE_MS = 2_000;

export type Lease = {
  readonly owner: string;
  /** When the lease ends by itself, in ms since 1970. */
  readonly until: number;
  /** Grows by one with each owner. */
  readonly fence: number;
  /** Lets the next one in. Does nothing once the lease was taken over, or when the store fails: it ends by itself. */
  release(): Promise<void>;
  /** False once it is over or somebody else's: what the owner was going to do has to be left undone. */
  stillMine(now: number): Promise<boolean>;
};

export type LeaseOptions = {
  /** How long the owner has, in milliseconds, before others may take over. */
  readonly ttlMs: number;
  /** How long to wait, in milliseconds, while somebody else holds it. */
  readonly waitMs: number;
  /** The time in ms since 1970. */
  readonly now: () => number;
  /** Asked between attempts: whether what it was wanted for has meanwhile been done. */
  readonly isSettled?: () => Promise<boolean>;
  readonly signal?: AbortSignal;
};

/** What is stored. The record stays after a release, without owner, so that `fence` never goes back. */
type LeaseRecord = { readonly owner: string | null; readonly until: number; readonly fence: number };

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 250;

/**
 * Takes a lease, one at a time among all processes on the store, or gives `settled` as soon as `isSettled` does. Made
 * of compare-and-set alone, it holds neither connection nor lock. Waiters come in no particular order.
 *
 * Throws `refresh_busy` when others held it all the time, `canceled`, `store_unavailable`.
 */
export async function takeLease(
  store: Store,
  key: StoreKey,
  { ttlMs, waitMs, now, isSettled, signal }: LeaseOptions,
): Promise<Lease | 'settled'> {
  const owner = randomUUID();
  const deadline = performance.now() + waitMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)) {
    if (signal?.aborted) throw canceled(signal);
    const text = await store.get(key);
    const held = text === undefined ? undefined : parse(text);
    const at = now();
    if (isFree(held, at)) {
      const record = { owner, until: at + ttlMs, fence: (held?.fence ?? 0) + 1 };
      if (await take(store, key, text, record)) return makeLease(store, key, record);
    }
    if (await isSettled?.()) return 'settled';
    const left = deadline - performance.now();
    if (left <= 0) throw busy(held, at);
    await pause(Math.min(pauseMs * (0.5 + Math.random()), left), signal);
  }
}

function isFree(held: LeaseRecord | undefined, at: number): boolean {
  return held === undefined || held.owner === null || held.until + CLOCK_TOLERANCE_MS < at;
}

async function take(store: Store, key: StoreKey, from: string | undefined, record: LeaseRecord): Promise<boolean> {
  try {
    return await store.replace(key, from, JSON.stringify(record));
  } catch (error) {
    await free(store, key, record); // it may have been written all the same
    throw error;
  }
}

function makeLease(store: Store, key: StoreKey, record: LeaseRecord & { readonly owner: string }): Lease {
  return {
    ...record,
    release: () => free(store, key, record),
    stillMine: async (now) => now < record.until && (await store.get(key)) === JSON.stringify(record),
  };
}

async function free(store: Store, key: StoreKey, record: LeaseRecord): Promise<void> {
  const released: LeaseRecord = { owner: null, until: 0, fence: record.fence };
  await store.replace(key, JSON.stringify(record), JSON.stringify(released)).catch(() => undefined);
}

/** Undefined for a text that is no lease: there is nothing in it to lose. */
function parse(text: string): LeaseRecord | undefined {
  try {
    const { owner, until, fence } = JSON.parse(text) as Record<string, unknown>;
    const isRecord = (typeof owner === 'string' || owner === null) && Number.isFinite(until) && Number.isInteger(fence);
    return isRecord ? ({ owner, until, fence } as LeaseRecord) : undefined;
  } catch {
    return undefined;
  }
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal && { signal });
  } catch {
    // Aborted: the next round says so.
  }
}

function busy(held: LeaseRecord | undefined, at: number): TielineError {
  return new TielineError('refresh_busy', 'another process is refreshing this account and has not finished yet', {
    hint: 'Try again in a moment',
    retryAfter: Math.max(1, Math.ceil(((held?.until ?? at) - at) / 1_000)),
  });
}

function canceled(signal: AbortSignal): TielineError {
  return new TielineError('canceled', 'the call was canceled', { cause: signal.reason });
}
