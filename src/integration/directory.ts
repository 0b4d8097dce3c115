import { randomUUID } from 'node:crypto';
import { keepsChanging, pause } from '../keystore/change.ts';
import type { Keystore, Sealed } from '../keystore/keystore.ts';
import { type StoreKey, storeKey } from '../keystore/store.ts';

/** What is listed: of the whole installation, of one organization, or of one user. */
export type Listing =
  | readonly ['organizations']
  | readonly ['users' | 'client_keys', organization: string]
  | readonly ['personal_tokens' | 'grants', organization: string, user: string];

/** Where a page ended. Stays right while others add and remove. */
export type Position = { readonly chunk: number; readonly entry: number };

export type Page = { readonly ids: readonly string[]; readonly next?: Position };

type Head = { readonly last: number };
type Chunk = { readonly count: number; readonly entries: readonly (readonly [entry: number, id: string])[] };

const CHUNK_SIZE = 256;
const MOST_TRIES = 20;
const NO_HEAD: Head = { last: 0 };
const NO_CHUNK: Chunk = { count: 0, entries: [] };

const headKey = (listing: Listing): StoreKey => storeKey('directory', ...listing);
const chunkKey = (listing: Listing, chunk: number): StoreKey => storeKey('directory', ...listing, String(chunk));

/**
 * Adds an id at the end. The ids are kept in the order in which they came, in records of bounded size, as a store has
 * no order of its own.
 */
export function addToDirectory(keystore: Keystore, listing: Listing, id: string): Promise<void> {
  return oneByOne(headKey(listing), async () => {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const head = await keystore.read<Head>(headKey(listing));
      const { last } = head?.value ?? NO_HEAD;
      const key = chunkKey(listing, last);
      const stored = await keystore.read<Chunk>(key);
      const { count, entries } = stored?.value ?? NO_CHUNK;
      if (count >= CHUNK_SIZE) await keystore.replace(headKey(listing), head, { last: last + 1 } satisfies Head);
      else if (await keystore.replace(key, stored, { count: count + 1, entries: [...entries, [count, id]] })) return;
      else await pause(tries);
    }
    throw keepsChanging('the list');
  });
}

/** Takes an id off; nothing happens where it is not listed. */
export function removeFromDirectory(keystore: Keystore, listing: Listing, id: string): Promise<void> {
  return oneByOne(headKey(listing), async () => {
    const { last } = (await keystore.read<Head>(headKey(listing)))?.value ?? NO_HEAD;
    for (let chunk = 0; chunk <= last; chunk++) {
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        const stored = await keystore.read<Chunk>(chunkKey(listing, chunk));
        if (!stored || !holds(stored, id)) break;
        const entries = stored.value.entries.filter((it) => it[1] !== id);
        if (await keystore.replace(chunkKey(listing, chunk), stored, { ...stored.value, entries })) return;
        if (tries === MOST_TRIES - 1) throw keepsChanging('the list');
        await pause(tries);
      }
    }
  });
}

const holds = ({ value }: Sealed<Chunk>, id: string): boolean => value.entries.some((it) => it[1] === id);

/** Up to `limit` ids after a position, oldest first. `next` is absent on the last page. */
export async function readDirectory(
  keystore: Keystore,
  listing: Listing,
  { after, limit }: { readonly after?: Position | undefined; readonly limit: number },
): Promise<Page> {
  const { last } = (await keystore.read<Head>(headKey(listing)))?.value ?? NO_HEAD;
  const found: { readonly id: string; readonly at: Position }[] = [];
  for (let chunk = after?.chunk ?? 0; chunk <= last && found.length <= limit; chunk++) {
    const { entries } = (await keystore.read<Chunk>(chunkKey(listing, chunk)))?.value ?? NO_CHUNK;
    const from = chunk === after?.chunk ? after.entry : -1;
    for (const [entry, id] of entries) if (entry > from) found.push({ id, at: { chunk, entry } });
  }
  const page = found.slice(0, limit);
  const ids = page.map((it) => it.id);
  const end = page.at(-1)?.at;
  return found.length > limit && end ? { ids, next: end } : { ids };
}

/** An id that no one guesses: `usr_` and the like, with 122 random bits. */
export const newId = (prefix: 'org' | 'usr'): string => `${prefix}_${randomUUID().replaceAll('-', '')}`;

const waiting = new Map<string, Promise<unknown>>();

/** Those of one process take turns, so that only other processes can come between. */
async function oneByOne<T>(name: string, work: () => Promise<T>): Promise<T> {
  const before = waiting.get(name) ?? Promise.resolve();
  const mine = before.then(work, work);
  waiting.set(name, mine);
  try {
    return await mine;
  } finally {
    if (waiting.get(name) === mine) waiting.delete(name);
  }
}
