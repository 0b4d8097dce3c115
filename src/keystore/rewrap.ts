import { CANARY } from './canary.ts';
import { open, seal, sealedWith } from './envelope.ts';
import type { Keyring } from './keyring.ts';
import type { Store, StoreKey } from './store.ts';

/** How far it has come. */
export type Rewrapped = {
  /** Id of the key all records are to be sealed with. */
  readonly key: string;
  /** Records that were sealed anew. */
  readonly resealed: number;
  /** Records that had the key already, as of the last time they were looked at. */
  readonly right: number;
  /** Records that could not be opened, so that nobody knows what they need. */
  readonly failed: number;
  /** Whether no record needs another key any more. */
  readonly done: boolean;
};

const PAGE = 200;
/** Processes that run with the former key go on to write with it: it is looked again so many times. */
const MOST_PASSES = 5;

/**
 * Seals all records with the current key, the others of the ring opening them, while the store is in use: a record that
 * somebody changes meanwhile stays theirs and is looked at again. May be broken off and begun again. The canary comes last,
 * so that a start without the former key is refused until then.
 */
export async function rewrap(store: Store, keys: Keyring, onProgress?: (so: Rewrapped) => void): Promise<Rewrapped> {
  const key = keys.current.id;
  let so: Rewrapped = { key, resealed: 0, right: 0, failed: 0, done: false };
  for (let pass = 0; pass < MOST_PASSES && !so.done; pass++) {
    let changed = 0;
    so = { ...so, right: 0, failed: 0 };
    for (let after: string | undefined, isLast = false; !isLast; ) {
      const page = await store.page(after, PAGE);
      for (const row of page.rows) {
        if (row.key === CANARY || row.key.startsWith('lease.')) continue;
        const became = await reseal(store, keys, row);
        if (became === 'right') so = { ...so, right: so.right + 1 };
        else if (became === 'failed') so = { ...so, failed: so.failed + 1 };
        else changed += 1;
        if (became === 'resealed') so = { ...so, resealed: so.resealed + 1 };
      }
      onProgress?.(so);
      after = page.next;
      isLast = after === undefined;
    }
    so = { ...so, done: changed === 0 && so.failed === 0 };
  }
  if (!so.done) return so;
  const canary = await store.get(CANARY);
  const became = canary === undefined ? 'failed' : await reseal(store, keys, { key: CANARY, value: canary });
  return { ...so, done: became !== 'failed' && became !== 'changed' };
}

/** `changed`: somebody else was faster, and what is there now has to be looked at. */
async function reseal(
  store: Store,
  keys: Keyring,
  { key, value }: { readonly key: StoreKey; readonly value: string },
): Promise<'right' | 'resealed' | 'changed' | 'failed'> {
  let next: string;
  try {
    if (sealedWith(value) === keys.current.id) return 'right';
    next = seal(keys.current, key, open(keys, key, value));
  } catch {
    // What has expired or was removed since the page was read is nobody's any more.
    return (await stillThere(store, key)) ? 'failed' : 'right';
  }
  return (await store.reseal(key, value, next)) ? 'resealed' : 'changed';
}

/** A row that cannot be read is there; so is one whose key only its owner knows. */
async function stillThere(store: Store, key: StoreKey): Promise<boolean> {
  if (key.startsWith('~')) return true;
  try {
    return (await store.get(key)) !== undefined;
  } catch {
    return true;
  }
}
