import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { BoundedMap, bound } from '../bounded.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { storeKey } from '../keystore/store.ts';

/** A process, on the records of the runs that it has begun. */
export type Owner = string;

const BEAT_MS = 3_000;
/** How long an owner of elsewhere may be still, by the time that passes here, before it counts as gone; milliseconds. */
const STILL_MS = 15_000;
const DAY = 24 * 60 * 60_000;

const SEEN = bound({
  name: 'processes that have keyed runs under way',
  entries: 1_000,
  bytes: 512 * 1024,
  atBound: 'the one looked at longest ago is watched anew',
});
type Seen = { readonly beat: number; readonly at: number };

export const newOwner = (): Owner => `${process.pid}:${randomUUID()}:${hostname()}`;

const beatKey = (owner: Owner) => storeKey('idempotency', 'owner', owner);

/** Shows others that this process lives, for as long as `isBusy`. A beat that fails is missed, no more. */
export function startBeating(keystore: Keystore, owner: Owner, isBusy: () => boolean): () => void {
  let beat = 0;
  let timer: NodeJS.Timeout | undefined;
  return () => {
    timer ??= setInterval(() => {
      if (isBusy()) void keystore.write(beatKey(owner), ++beat, DAY).catch(() => {});
      else {
        clearInterval(timer);
        timer = undefined;
      }
    }, BEAT_MS).unref();
  };
}

/**
 * Tells whether an owner still lives. On this machine the system knows; elsewhere it is watched from one question to the
 * next, so that no clock of another machine matters. Whoever is not known yet lives.
 */
export function watchOwners(keystore: Keystore): (owner: Owner) => Promise<boolean> {
  const seen = new BoundedMap<Seen>(SEEN, () => 32);
  return async (owner) => {
    const [pid = '', , ...host] = owner.split(':');
    if (host.join(':') === hostname() && isGone(Number(pid))) return false;
    const beat = (await keystore.read<number>(beatKey(owner)))?.value ?? 0;
    const before = seen.get(owner);
    const now = performance.now();
    if (before?.beat === beat) return now - before.at < STILL_MS;
    seen.set(owner, { beat, at: now });
    return true;
  };
}

/** A process of the same id as this one was there before it. */
function isGone(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
