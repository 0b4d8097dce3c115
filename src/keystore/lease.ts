import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { TielineError } from '../errors.ts';
import { type ProcessMark, presenceOf, processMark } from './processmark.ts';
import type { Store, StoreKey } from './store.ts';

/**
 * The right to do something alone. Its owner renews it as long as it lives, by writing the record anew, and whoever
 * waits takes it over from an owner that has stopped doing so:
 *
 *   free ──take──> held ──every quarter of ttlMs──> held (beat + 1) ──release──> free
 *                    └─ its process is gone, or was seen unchanged for ttlMs ──take──> held by another (fence + 1)
 *
 * No clock is compared with another: a waiter counts what it has itself seen pass. What it did not see, because it was
 * stopped or asleep, does not count, as its owner may have slept beside it.
 */
export type Lease = {
  readonly owner: string;
  /** Grows by one with each owner. */
  readonly fence: number;
  /** Lets the next one in; tried again in the background where the store fails. Does nothing once it was taken over. */
  release(): Promise<void>;
  /**
   * Renews it: from a `true` on nobody takes it over for half of ttlMs. False once it is somebody else's, or when the
   * answer took so long that it may be: what the owner was going to do has to be left undone. Throws what the store does.
   */
  stillMine(): Promise<boolean>;
};

export type LeaseOptions = {
  /** For how long, in milliseconds, others have to see no renewal before they take over. */
  readonly ttlMs: number;
  /** How long to wait, in milliseconds, while somebody else holds it. */
  readonly waitMs: number;
  /** Asked between attempts: whether what it was wanted for has meanwhile been done. */
  readonly isSettled?: () => Promise<boolean>;
  readonly signal?: AbortSignal;
};

/** Who holds a lease, as its record says. */
export type Holder = { readonly process: ProcessMark; readonly isGone: boolean };

/** What is stored. The record stays after a release, without owner, so that `fence` never goes back. */
type LeaseRecord = {
  readonly owner: string | null;
  readonly fence: number;
  readonly beat: number;
  readonly ttlMs: number;
  readonly process?: ProcessMark;
};

type Held = LeaseRecord & { readonly owner: string };

/**
 * A process that is there and does not renew is stopped, or cut off from the store, and may go on any moment: others on
 * its machine, who can see it, wait so many times longer. Longer than the minute that a token request may take.
 */
const PATIENCE_WITH_THE_LIVING = 10;

/** No record keeps others out for longer, whatever it says. Milliseconds. */
const LONGEST_TTL_MS = 60_000;

const BEATS = 4;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 250;

/** The most that counts as seen between two looks at the record, in milliseconds. */
const LONGEST_LOOK_MS = 1_000;

/**
 * Takes a lease, one at a time among all processes on the store, or gives `settled` as soon as `isSettled` does. Made
 * of compare-and-set alone, it holds neither connection nor lock. Waiters come in no particular order.
 *
 * Throws `refresh_busy` when others held it all the time, `canceled`, `store_unavailable`.
 */
export async function takeLease(
  store: Store,
  key: StoreKey,
  { ttlMs, waitMs, isSettled, signal }: LeaseOptions,
): Promise<Lease | 'settled'> {
  const owner = randomUUID();
  const began = performance.now();
  const seen = observation();
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)) {
    if (signal?.aborted) throw canceled(signal);
    const text = await store.get(key);
    const held = text === undefined ? undefined : parse(text);
    if (isFree(held, seen(text))) {
      const record: Held = { owner, fence: (held?.fence ?? 0) + 1, beat: 0, ttlMs, process: processMark() };
      const lease = makeLease(store, key, record);
      if (await lease.take(text)) return lease;
    }
    if (await isSettled?.()) return 'settled';
    const left = began + waitMs - performance.now();
    if (left <= 0) throw busy(held);
    await pause(Math.min(pauseMs * (0.5 + Math.random()), left), signal);
  }
}

/** Who holds a lease now; undefined for nobody. */
export async function leaseHolder(store: Store, key: StoreKey): Promise<Holder | undefined> {
  const text = await store.get(key);
  const { owner, process } = (text === undefined ? undefined : parse(text)) ?? { owner: null };
  return owner === null || !process ? undefined : { process, isGone: presenceOf(process) === 'gone' };
}

/** Told what the record is each time it is looked at; gives for how long it has been seen to be that, in milliseconds. */
function observation(): (text: string | undefined) => number {
  let last: string | undefined;
  let lookedAt = 0;
  let unchangedMs = 0;
  return (text) => {
    const now = performance.now();
    unchangedMs = text === last ? unchangedMs + Math.min(now - lookedAt, LONGEST_LOOK_MS) : 0;
    [last, lookedAt] = [text, now];
    return unchangedMs;
  };
}

function isFree(held: LeaseRecord | undefined, unchangedMs: number): boolean {
  if (held === undefined || held.owner === null) return true;
  const presence = held.process ? presenceOf(held.process) : 'unknown';
  if (presence === 'gone') return true;
  const ttlMs = Math.min(held.ttlMs, LONGEST_TTL_MS);
  return unchangedMs > ttlMs * (presence === 'alive' ? PATIENCE_WITH_THE_LIVING : 1);
}

function makeLease(store: Store, key: StoreKey, taken: Held): Lease & { take(from?: string): Promise<boolean> } {
  const { owner, fence, ttlMs } = taken;
  let record = taken;
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;

  /** Writes what follows the record. False once it is somebody else's. */
  async function change(next: (from: Held) => LeaseRecord): Promise<boolean> {
    const from = record;
    const to = next(from);
    if (await store.replace(key, JSON.stringify(from), JSON.stringify(to))) return known(to);
    // A write may have been done although its answer was lost, or another of ours was faster.
    const found = parse((await store.get(key)) ?? '');
    if (!found || !isOurs(found)) return false;
    const again = next(found);
    return (await store.replace(key, JSON.stringify(found), JSON.stringify(again))) && known(again);
  }

  const isOurs = (it: LeaseRecord): it is Held => it.owner === owner;

  function known(it: LeaseRecord): true {
    if (isOurs(it) && it.beat > record.beat) record = it;
    return true;
  }

  const beat = () => change((it) => ({ ...it, beat: it.beat + 1 }));

  /** One that gets no answer does not keep the next from being tried, by another connection maybe. */
  function keepBeating(): void {
    timer = setInterval(() => {
      beat().then(
        (isMine) => !isMine && stop(),
        () => undefined,
      );
    }, ttlMs / BEATS);
    timer.unref();
  }

  function stop(): void {
    isOver = true;
    clearInterval(timer);
  }

  const free = () => change((it) => ({ owner: null, fence: it.fence, beat: 0, ttlMs: it.ttlMs }));

  async function release(): Promise<void> {
    stop();
    // Until others may take it anyway, whoever they are.
    const end = performance.now() + ttlMs * PATIENCE_WITH_THE_LIVING;
    const tryAgain = async (): Promise<void> => {
      for (let ms = FIRST_PAUSE_MS; performance.now() < end; ms = Math.min(ms * 2, ttlMs / BEATS)) {
        await sleep(ms, undefined, { ref: false });
        if (await free().then(always, never)) return;
      }
    };
    await free().catch(() => void tryAgain());
  }

  return {
    owner,
    fence,
    release,
    async take(from) {
      try {
        if (!(await store.replace(key, from, JSON.stringify(record)))) return false;
      } catch (error) {
        await release(); // it may have been written all the same
        throw error;
      }
      keepBeating();
      return true;
    },
    async stillMine() {
      if (isOver) return false;
      const asked = [performance.now(), Date.now()] as const;
      const isMine = await beat();
      // The one clock stands still while a machine sleeps, the other may be set.
      const tookMs = Math.max(performance.now() - asked[0], Date.now() - asked[1]);
      return isMine && tookMs < ttlMs / 2;
    },
  };
}

const always = () => true;
const never = () => false;

/** Undefined for a text that is no lease: there is nothing in it to lose. */
function parse(text: string): LeaseRecord | undefined {
  try {
    const { owner, fence, ttlMs } = JSON.parse(text) as Record<string, unknown>;
    const isRecord = (typeof owner === 'string' || owner === null) && Number.isInteger(fence) && Number(ttlMs) > 0;
    return isRecord ? (JSON.parse(text) as LeaseRecord) : undefined;
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

function busy(held: LeaseRecord | undefined): TielineError {
  const by = held?.process;
  const who = by ? `process ${by.pid} on ${by.host}` : 'another process';
  return new TielineError('refresh_busy', `this account is being refreshed by ${who}, which has not finished yet`, {
    hint: 'Try again: the refresh goes on meanwhile. See how it is with: tieline integrations list',
    retryAfter: 5,
  });
}

function canceled(signal: AbortSignal): TielineError {
  return new TielineError('canceled', 'the call was canceled', { cause: signal.reason });
}
