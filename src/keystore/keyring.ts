import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isTielineError, TielineError } from '../errors.ts';
import { log } from '../log.ts';
import { type Keychain, openKeychain } from './keychain.ts';
import { publish, readPrivate, readPrivateSync } from './privatefile.ts';

export type MasterKey = {
  /** Not secret: tells which key a record needs. */
  readonly id: string;
  readonly bytes: Uint8Array;
};

export type KeySource = 'env' | 'file' | 'keychain' | 'memory';

export type Keyring = {
  /** Seals. */
  readonly current: MasterKey;
  /**
   * Opens: the current key or an earlier one. For a key that it does not have, a ring from a file reads that again, once a
   * second at most: somebody may have put it there meanwhile, and what stands first there is the current one from then on.
   */
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

type Found = {
  readonly texts: readonly string[];
  readonly created: boolean;
  readonly where: string;
  /** Reads them again. */
  readonly again?: () => readonly string[];
};

/** How often a key that is not on the ring is looked for, in milliseconds. */
const AGAIN_MS = 1_000;

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
  const { texts, created, where, again } =
    source === 'env'
      ? { texts: given.split(','), created: false, where: 'TIELINE_KEY' }
      : source === 'keychain'
        ? await fromKeychain(options)
        : await fromFile(options);
  const keyring = makeKeyring(parseKeys(texts, where), source, where, again && (() => parseKeys(again(), where)));
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

function makeKeyring(
  keys: readonly MasterKey[],
  source: KeySource,
  where: string,
  again?: () => readonly MasterKey[],
): Keyring {
  let [current] = keys;
  if (current === undefined) throw new TielineError('key_invalid', `there is no key in ${where}`, { hint: KEY_HINT });
  const byId = new Map(keys.map((key) => [key.id, key]));
  let lookedAt = Number.NEGATIVE_INFINITY;
  const lookAgain = () => {
    const now = performance.now();
    if (!again || now - lookedAt < AGAIN_MS) return;
    lookedAt = now;
    try {
      const found = again();
      // What was sealed with a key that has gone from there is opened on until this process ends.
      for (const key of found) byId.set(key.id, key);
      current = found[0] ?? current;
    } catch (error) {
      log.warn('the keys could not be read again', { error: isTielineError(error) ? error.message : error });
    }
  };
  return {
    get current() {
      return current as MasterKey;
    },
    find(id) {
      if (!byId.has(id)) lookAgain();
      return byId.get(id);
    },
    source,
  };
}

const KEY_HINT = 'A key is 32 random bytes as base64url, base64 or hex: openssl rand -base64 32';
const HEX = /^[0-9a-f]{64}$/i;
const BASE64 = /^(?:[A-Za-z0-9+/]{43}|[\w-]{43})=?$/;

function parseKeys(texts: readonly string[], where: string): MasterKey[] {
  return texts.map((text, index) => {
    const trimmed = text.trim();
    if (HEX.test(trimmed)) return masterKey(Buffer.from(trimmed, 'hex'));
    if (BASE64.test(trimmed)) return masterKey(Buffer.from(trimmed, 'base64')); // reads both alphabets
    const which = texts.length > 1 ? `key ${index + 1} in ${where}` : `the key in ${where}`;
    throw new TielineError('key_invalid', `${which} is not 32 bytes`, { hint: KEY_HINT });
  });
}

async function fromFile({ env, home, mayCreate }: KeyringOptions): Promise<Found> {
  const path = keyFile(env, home);
  const again = () => lines(readPrivateSync(path) ?? '');
  const found = await readPrivate(path);
  if (found !== undefined) return { texts: lines(found), created: false, where: path, again };
  if (!mayCreate) throw missing(path);
  const created = await publish(path, `${randomBytes(KEY_BYTES).toString('base64url')}\n`);
  return { texts: lines((await readPrivate(path)) ?? ''), created, where: path, again };
}

const keyFile = (env: NodeJS.ProcessEnv, home: string): string => env.TIELINE_KEY_FILE?.trim() || join(home, 'key');

/** The path of the key file, where the keys come from one and it is there. */
export function keyFileIn(env: NodeJS.ProcessEnv, home: string): string | undefined {
  const path = keyFile(env, home);
  return !env.TIELINE_KEY?.trim() && existsSync(path) ? path : undefined;
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
