import { BoundedMap, bound, sizeOfText } from '../bounded.ts';

declare const brand: unique symbol;
/** A storage key. Only `storeKey` makes one, so no caller can join parts by hand. */
export type StoreKey = string & { readonly [brand]: 'StoreKey' };

export type StoreKind =
  | 'integrations'
  | 'integration'
  | 'credential'
  | 'connection'
  | 'app'
  | 'keystore'
  | 'authorization'
  | 'lease'
  | 'signing_keys'
  | 'organization'
  | 'organization_name'
  | 'client_key'
  | 'personal_token'
  | 'grant'
  | 'session'
  | 'oauth'
  | 'user'
  | 'user_identifier'
  | 'user_connectors'
  | 'user_deleted'
  | 'directory'
  | 'idempotency';

/**
 * Encodes each part, so that ('u', '1:x') and ('u:1', 'x') stay two keys whatever the parts contain.
 * Keys are ASCII and as long as their parts ask for.
 */
export function storeKey(kind: StoreKind, ...parts: readonly string[]): StoreKey {
  return [kind, ...parts.map(encodePart)].join('.') as StoreKey;
}

/** The parts in use: ids of users and accounts, and names of connectors, come again with every call. */
const ENCODED = bound({
  name: 'parts of keys of the store',
  entries: 10_000,
  bytes: 4 * 1024 * 1024,
  atBound: 'the part used longest ago is encoded again',
});
const encoded = new BoundedMap<string>(ENCODED, sizeOfText);

/** JSON's escapes keep lone surrogates apart, all of which plain UTF-8 would turn into U+FFFD. */
function encodePart(part: string): string {
  let text = encoded.get(part);
  if (text === undefined) {
    text = Buffer.from(JSON.stringify(part).slice(1, -1), 'utf8').toString('base64url');
    encoded.set(part, text);
  }
  return text;
}

/** A part of all that is stored. */
export type Page = {
  /** Of rows that are no entries the value is ''. Expired ones may be among them. */
  readonly rows: readonly { readonly key: StoreKey; readonly value: string }[];
  /** Where the rest begins; undefined after the last. */
  readonly next: string | undefined;
};

/**
 * Text by key. An expired entry counts as absent everywhere.
 *
 * A failure of the backend is a TielineError `store_unavailable` and a row that is no entry is `keystore_tampered`;
 * neither ever reads as "absent".
 */
export interface Store {
  /** What holds the data, for diagnosis: `memory`, `node:sqlite`, `@keyv/sqlite`, `@keyv/postgres`, `@keyv/redis`. */
  readonly driver: string;
  /**
   * Another value after anything has been written, by whichever process: while it stays the same, so does what was read
   * after it was asked for, apart from what expires. Absent, or undefined, where the store cannot tell without being read.
   */
  stamp?(): number | undefined;
  /** Epoch milliseconds by the clock of the server that holds the data; absent where that is this machine. */
  time?(): Promise<number>;
  get(key: StoreKey): Promise<string | undefined>;
  /** The values in the order of `keys`, undefined for the absent ones. */
  getMany(keys: readonly StoreKey[]): Promise<(string | undefined)[]>;
  /** Writes unconditionally. `ttlMs` is milliseconds from now; without it the entry stays. */
  set(key: StoreKey, value: string, ttlMs?: number): Promise<void>;
  /** True for exactly one of any number of concurrent callers, and only if there was something to delete. */
  delete(key: StoreKey): Promise<boolean>;
  /**
   * Compare-and-set: writes `next`, without expiry, only while the stored value is exactly `expected`
   * (undefined: absent). Atomic across processes; false means somebody else was faster.
   */
  replace(key: StoreKey, expected: string | undefined, next: string): Promise<boolean>;
  /** As `replace` over a value that is there, which ends when it would have. */
  reseal(key: StoreKey, expected: string, next: string): Promise<boolean>;
  /**
   * About `most` rows behind `after`, all of them in as many pages as it takes. A row that is there all the time is in one
   * of them; with PostgreSQL, a key of more than 1,000 characters is only told as `~` and its digest.
   */
  page(after: string | undefined, most: number): Promise<Page>;
  /**
   * Removes what has expired of `most` rows behind `after`, and gives where the rest begins, undefined after the last.
   * Absent where the store forgets by itself.
   */
  sweep?(after: string | undefined, most: number): Promise<string | undefined>;
  /** Why what is written may be lost all the same, in sentences for the operator; absent where a write is on disk. */
  weaknesses?(): Promise<readonly string[]>;
  close(): Promise<void>;
}
