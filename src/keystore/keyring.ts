import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { TielineError } from '../errors.ts';
import { remember } from '../secret.ts';
import { type Keychain, openKeychain } from './keychain.ts';
import { publish, readPrivate } from './privatefile.ts';

export type MasterKey = {
  /** Not secret: tells which key a record needs. */
  readonly id: string;
  readonly bytes: Uint8Array;
};

export type KeySource = 'env' | 'file' | 'keychain' | 'memory';

export type Keyring = {
  /** Seals. */
  readonly current: MasterKey;
  /** Opens: the current key or an earlier one. */
  find(id: string): MasterKey | undefined;
  readonly source: KeySource;
};

export type KeyringOptions = {
  readonly env: NodeJS.ProcessEnv;
  /** The data folder, which must exist. */
  readonly home: string;
  /** Whether a missing key may be made. False when there is data already, which a new key could not open. */
  readonly mayCreate: boolean;
  /** Where TIELINE_KEY=keychain looks; by default the keychain of the operating system. */
  readonly keychain?: () => Promise<Keychain>;
};

type Found = { readonly texts: readonly string[]; readonly created: boolean; readonly where: string };

const KEY_BYTES = 32;

/**
 * Finds the master keys, the current one first: those in TIELINE_KEY (32 bytes each as hex, base64 or base64url,
 * separated by commas), those in the OS keychain if TIELINE_KEY is `keychain`, else those in the file
 * TIELINE_KEY_FILE or `<home>/key`, one a line. Where `mayCreate` allows it a missing key is made, and `notice`
 * says so.
 *
 * Throws `key_invalid`, which never repeats the text of a key.
 */
export async function readKeyring(
  options: KeyringOptions,
): Promise<{ keyring: Keyring; created: boolean; notice?: string }> {
  const given = options.env.TIELINE_KEY?.trim() ?? '';
  const source = given === '' ? 'file' : given === 'keychain' ? 'keychain' : 'env';
  const { texts, created, where } =
    source === 'env'
      ? { texts: given.split(','), created: false, where: 'TIELINE_KEY' }
      : source === 'keychain'
        ? await fromKeychain(options)
        : await fromFile(options);
  const keyring = makeKeyring(parseKeys(texts, where), source, where);
  if (!created) return { keyring, created };
  return { keyring, created, notice: `Made a new master key in ${where}. Keep a copy: nothing opens without it.` };
}

/** A key that lives as long as the process. */
export function memoryKeyring(): Keyring {
  return makeKeyring([masterKey(randomBytes(KEY_BYTES))], 'memory', 'memory');
}

export function masterKey(bytes: Uint8Array): MasterKey {
  return { id: createHash('sha256').update('tieline key id v1').update(bytes).digest('hex').slice(0, 12), bytes };
}

function makeKeyring(keys: readonly MasterKey[], source: KeySource, where: string): Keyring {
  const [current] = keys;
  if (current === undefined) throw new TielineError('key_invalid', `there is no key in ${where}`, { hint: KEY_HINT });
  const byId = new Map(keys.map((key) => [key.id, key]));
  return { current, find: (id) => byId.get(id), source };
}

const KEY_HINT = 'A key is 32 random bytes as base64url, base64 or hex: openssl rand -base64 32';
const HEX = /^[0-9a-f]{64}$/i;
const BASE64 = /^(?:[A-Za-z0-9+/]{43}|[\w-]{43})=?$/;

function parseKeys(texts: readonly string[], where: string): MasterKey[] {
  return texts.map((text, index) => {
    const trimmed = text.trim();
    remember(trimmed);
    if (HEX.test(trimmed)) return masterKey(Buffer.from(trimmed, 'hex'));
    if (BASE64.test(trimmed)) return masterKey(Buffer.from(trimmed, 'base64')); // reads both alphabets
    const which = texts.length > 1 ? `key ${index + 1} in ${where}` : `the key in ${where}`;
    throw new TielineError('key_invalid', `${which} is not 32 bytes`, { hint: KEY_HINT });
  });
}

async function fromFile({ env, home, mayCreate }: KeyringOptions): Promise<Found> {
  const path = env.TIELINE_KEY_FILE?.trim() || join(home, 'key');
  const found = await readPrivate(path);
  if (found !== undefined) return { texts: lines(found), created: false, where: path };
  if (!mayCreate) throw missing(path);
  const created = await publish(path, `${randomBytes(KEY_BYTES).toString('base64url')}\n`);
  return { texts: lines((await readPrivate(path)) ?? ''), created, where: path };
}

/**
 * The keychain holds each key under its own id and `<home>/keychain` lists the ids. So two homes do not share a key,
 * and of two processes that start together neither overwrites the key of the other: who lists its id first wins.
 */
async function fromKeychain({ home, mayCreate, keychain = openKeychain }: KeyringOptions): Promise<Found> {
  const index = join(home, 'keychain');
  const chain = await keychain();
  let ids = await readPrivate(index);
  let created = false;
  if (ids === undefined) {
    if (!mayCreate) throw missing(index);
    const key = masterKey(randomBytes(KEY_BYTES));
    await chain.set(key.id, Buffer.from(key.bytes).toString('base64url'));
    created = await publish(index, `${key.id}\n`);
    if (!created) await chain.delete(key.id);
    ids = (await readPrivate(index)) ?? '';
  }
  const texts: string[] = [];
  for (const id of lines(ids)) {
    const text = await chain.get(id);
    if (text === undefined) throw missing(`the OS keychain under tieline/${id}`);
    texts.push(text);
  }
  return { texts, created, where: 'the OS keychain' };
}

function missing(where: string): TielineError {
  return new TielineError('key_invalid', `there is data, but no master key in ${where}`, {
    hint: 'Put the key back, or set TIELINE_KEY to it; a new key is never made over existing data',
  });
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}
