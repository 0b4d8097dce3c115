import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Keystore } from '../keystore/keystore.ts';
import { storeKey } from '../keystore/store.ts';
import { checkLength } from '../limits.ts';
import { unlessDeleted } from './deletion.ts';
import { addToDirectory, readDirectory, removeFromDirectory } from './directory.ts';
import { hashSecret, isSecret, newSecret } from './issuedsecret.ts';
import type { Scope } from './principal.ts';
import type { User } from './user.ts';

/** A personal access token: what an MCP client of a user shows. Kept as a hash. */
export type PersonalToken = {
  readonly id: string;
  readonly name: string;
  readonly organization: string;
  /** Id of the user. */
  readonly user: string;
  readonly scopes: readonly Scope[];
  readonly hash: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
};

const FORM = /^pat-([0-9a-f]{16})-([\w-]{43})$/;
const key = (id: string) => storeKey('personal_token', id);
const MOST_TOKENS = 1_000;

export type WantedToken = Pick<PersonalToken, 'name' | 'scopes' | 'expiresAt'> & { readonly now: number };

/** Makes a token. Its text is shown now and never again. */
export async function createPersonalToken(
  keystore: Keystore,
  { organization, id: user }: User,
  { name, scopes, expiresAt, now }: WantedToken,
): Promise<{ readonly record: PersonalToken; readonly text: string }> {
  checkLength('the name of the token', name);
  const id = randomBytes(8).toString('hex');
  const secret = newSecret();
  const hash = hashSecret(id, secret);
  const record: PersonalToken = { id, name, organization, user, scopes, hash, createdAt: now, expiresAt };
  await keystore.write(key(id), record);
  await addToDirectory(keystore, ['personal_tokens', organization, user], id);
  await unlessDeleted(keystore, { organization, user }, () => forget(keystore, record));
  const text = `pat-${id}-${secret}`;
  return { record, text };
}

/** The text that was right for a record before: a client shows it with each request. Kept as long as the record is. */
const shown = new WeakMap<PersonalToken, Buffer>();

function isShown(record: PersonalToken, text: string): boolean {
  const before = shown.get(record);
  const given = Buffer.from(text);
  return before !== undefined && before.length === given.length && timingSafeEqual(before, given);
}

/** The record of a token's text; undefined for anything else, whether it never was one, is over or is revoked. */
export async function findPersonalToken(
  keystore: Keystore,
  text: string,
  now: number,
): Promise<PersonalToken | undefined> {
  const [, id = '', secret = ''] = FORM.exec(text) ?? [];
  if (id === '') return undefined;
  const record = (await keystore.recall<PersonalToken>(key(id)))?.value;
  if (!record || !isShown(record, text)) {
    if (!isSecret(id, secret, record?.hash) || !record) return undefined;
    shown.set(record, Buffer.from(text));
  }
  return now < record.expiresAt ? record : undefined;
}

/** Those of one user, oldest first, with the ones that are over. */
export async function listPersonalTokens(
  keystore: Keystore,
  { organization, id: user }: User,
): Promise<readonly PersonalToken[]> {
  const { ids } = await readDirectory(keystore, ['personal_tokens', organization, user], { limit: MOST_TOKENS });
  const records = await keystore.readMany<PersonalToken>(ids.map(key));
  return records.flatMap((it) => (it ? [it.value] : []));
}

/** False when the user has no such token. */
export async function revokePersonalToken(keystore: Keystore, user: User, id: string): Promise<boolean> {
  const record = (await keystore.read<PersonalToken>(key(id)))?.value;
  if (record?.user !== user.id || record.organization !== user.organization) return false;
  await forget(keystore, record);
  return true;
}

async function forget(keystore: Keystore, { id, organization, user }: PersonalToken): Promise<void> {
  await keystore.delete(key(id));
  await removeFromDirectory(keystore, ['personal_tokens', organization, user], id);
}

export async function revokeAllPersonalTokens(keystore: Keystore, user: User): Promise<void> {
  for (const { id } of await listPersonalTokens(keystore, user)) await revokePersonalToken(keystore, user, id);
}
