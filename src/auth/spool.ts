import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bound } from '../bounded.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { StoreKey } from '../keystore/store.ts';
import type { Unsaved } from './unsaved.ts';

/** Refreshed credentials that wait on local disk for a store that is away, sealed, one file each. */
export type Spool = {
  /** False where it cannot be put on disk. */
  put(it: Unsaved): Promise<boolean>;
  get(key: StoreKey): Promise<Unsaved | undefined>;
  /** Removes this one; not one that has taken its place. */
  remove(it: Unsaved): Promise<void>;
  all(): Promise<readonly Unsaved[]>;
};

const BOUND = bound({
  name: 'refreshed credentials on disk that wait for the store',
  entries: 1_000,
  bytes: 256 * 1024 * 1_000,
  atBound: 'they are kept in memory only',
});

const LARGEST = BOUND.bytes / BOUND.entries;

const CONTEXT = 'unsaved credential';

/**
 * The spool of a data folder for one store: another store in the same home has files of its own. A file that cannot be
 * opened, being damaged or sealed with a key that is not there, counts as absent and stays.
 */
export function openSpool(home: string, storeUrl: string, keystore: Keystore): Spool {
  const folder = join(home, 'unsaved');
  const prefix = `${digest(storeUrl).slice(0, 16)}.`;
  const pathOf = (key: string): string => join(folder, `${prefix}${digest(key)}`);

  async function read(path: string): Promise<Unsaved | undefined> {
    try {
      return keystore.unseal<Unsaved>(CONTEXT, await readFile(path, 'utf8'));
    } catch {
      return undefined;
    }
  }

  const get = async (key: StoreKey): Promise<Unsaved | undefined> => {
    const found = await read(pathOf(key));
    return found?.key === key ? found : undefined;
  };

  const names = async (): Promise<string[]> =>
    (await readdir(folder).catch(() => [])).filter((it) => !/\.new$/.test(it));

  return {
    get,
    async put({ key, follows, next }) {
      const text = keystore.seal(CONTEXT, { key, follows, next, isSpooled: true } satisfies Unsaved);
      if (text.length > LARGEST || (await names()).length >= BOUND.entries) return false;
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await write(folder, pathOf(key), text);
        return true;
      } catch {
        return false;
      }
    },
    async remove({ key, next }) {
      const found = await get(key);
      if (found && found.next.version <= next.version) await rm(pathOf(key), { force: true });
    },
    async all() {
      const found = await Promise.all(
        (await names()).filter((it) => it.startsWith(prefix)).map((it) => read(join(folder, it))),
      );
      return found.filter((it) => it !== undefined);
    },
  };
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Whole and on disk when it is there by its name, and its owner's alone. */
async function write(folder: string, path: string, text: string): Promise<void> {
  const draft = `${path}.${randomUUID()}.new`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined); // the first failure is the one that counts
    throw error;
  }
  const directory = await open(folder, 'r').catch(() => undefined);
  await directory?.sync().catch(() => undefined); // not every system can
  await directory?.close();
}
