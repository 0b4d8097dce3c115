import { TielineError } from '../errors.ts';
import { log } from '../log.ts';
import { CANARY } from './canary.ts';
import type { Store } from './store.ts';

/**
 * What became of the files of a store that is open: they may be `gone` (or empty), `replaced` by others, or only those
 * beside the database are not the same any more, and it is `unlogged`.
 */
export type Seen = 'same' | 'gone' | 'replaced' | 'unlogged';

export type FileStore = Store & {
  look(): Seen;
  /** Brings what is only in a log that has no name any more into the database. Throws if that cannot be done. */
  settle(): Promise<void>;
};

/** How long files that were looked at are taken for the same, in milliseconds. Before a write they are looked at anyway. */
const LOOK_MS = 500;

/**
 * A store in a file that somebody may replace while it is open. What was removed could be read and written for as long
 * as the process lives, and all of it would be lost: the file in its place is opened if it is the same store, as a copy
 * is that was brought back, and everything else fails until it is. `file` is for messages.
 */
export function watchedFile(file: string, first: FileStore, reopen: () => Promise<FileStore>): Store {
  let inner = first;
  let isSame = true;
  let lookedAt = performance.now();
  let isClosed = false;
  let renewing: Promise<Store> | undefined;
  let canary: string | undefined;

  function isFresh(mustLook: boolean): boolean {
    const now = performance.now();
    if (isClosed || (!mustLook && isSame && now - lookedAt < LOOK_MS)) return true;
    lookedAt = now;
    isSame = inner.look() === 'same';
    return isSame;
  }

  function renewed(): Promise<Store> {
    renewing ??= renew().finally(() => {
      renewing = undefined;
    });
    return renewing;
  }

  async function renew(): Promise<Store> {
    const seen = inner.look();
    if (seen === 'gone') throw gone(file);
    if (seen !== 'same') {
      canary = (await inner.get(CANARY).catch(() => undefined)) ?? canary;
      if (seen === 'unlogged') {
        await inner.settle();
        // One process must not have a database open with two logs.
        await inner.close();
        inner = await reopen();
      } else {
        const next = await reopen();
        if (canary !== undefined && (await next.get(CANARY)) !== canary) {
          await next.close();
          throw exchanged(file);
        }
        const before = inner;
        inner = next;
        await before.close().catch(() => undefined); // nobody asks for it any more
      }
      log.warn(`${file} was replaced, and was opened anew: what others wrote to the former one is not in it`);
    }
    if (isClosed) await inner.close();
    isSame = true;
    return inner;
  }

  const via = <T>(mustLook: boolean, use: (store: Store) => Promise<T>): Promise<T> =>
    isFresh(mustLook) ? use(inner) : renewed().then(use);

  return {
    driver: first.driver,
    stamp: () => (isFresh(false) ? inner.stamp?.() : undefined),
    get: (key) => via(false, (it) => it.get(key)),
    getMany: (keys) => via(false, (it) => it.getMany(keys)),
    page: (after, most) => via(true, (it) => it.page(after, most)),
    set: (key, value, ttlMs) => via(true, (it) => it.set(key, value, ttlMs)),
    delete: (key) => via(true, (it) => it.delete(key)),
    replace: (key, expected, next) => via(true, (it) => it.replace(key, expected, next)),
    reseal: (key, expected, next) => via(true, (it) => it.reseal(key, expected, next)),
    sweep: (after, most) => via(true, async (it) => it.sweep?.(after, most)),
    close() {
      isClosed = true;
      return inner.close();
    },
  };
}

const gone = (file: string): TielineError =>
  new TielineError('store_unavailable', `the keystore file ${file} was removed or emptied while Tieline had it open`, {
    hint: 'Put it back, or a copy of it',
  });

const exchanged = (file: string): TielineError =>
  new TielineError('store_unavailable', `the keystore file ${file} was replaced by that of another store`, {
    hint: 'Put the former one back, or a copy of it; to use this one, restart Tieline',
  });
