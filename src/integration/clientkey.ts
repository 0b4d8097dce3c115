import { randomBytes } from 'node:crypto';
import type { Keystore } from '../keystore/keystore.ts';
import { storeKey } from '../keystore/store.ts';
import { checkLength } from '../limits.ts';
import { addToDirectory, readDirectory, removeFromDirectory } from './directory.ts';
import { hashSecret, isSecret, newSecret } from './issuedsecret.ts';

/** A client API key: what a program of an organization, or of several, shows. Kept as a hash. */
export type ClientKey = {
  readonly id: string;
  readonly name: string;
  readonly organizations: readonly string[];
  readonly hash: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
};

const FORM = /^sk-client-([0-9a-f]{16})-([\w-]{43})$/;
const key = (id: string) => storeKey('client_key', id);
const MOST_KEYS = 1_000;

/** Makes a key. Its text is shown now and never again. */
export async function createClientKey(
  keystore: Keystore,
  {
    name,
    organizations,
    now,
  }: { readonly name: string; readonly organizations: readonly string[]; readonly now: number },
): Promise<{ readonly record: ClientKey; readonly text: string }> {
  checkLength('the name of the key', name);
  const id = randomBytes(8).toString('hex');
  const secret = newSecret();
  const record: ClientKey = { id, name, organizations, hash: hashSecret(id, secret), createdAt: now };
  await keystore.write(key(id), record);
  for (const organization of organizations) await addToDirectory(keystore, ['client_keys', organization], id);
  const text = `sk-client-${id}-${secret}`;
  return { record, text };
}

/** The record of a key's text; undefined for anything else, whether it never was one or is revoked. */
export async function findClientKey(keystore: Keystore, text: string): Promise<ClientKey | undefined> {
  const [, id = '', secret = ''] = FORM.exec(text) ?? [];
  if (id === '') return undefined;
  const record = (await keystore.recall<ClientKey>(key(id)))?.value;
  if (!isSecret(id, secret, record?.hash)) return undefined;
  return record;
}

export async function listClientKeys(keystore: Keystore, organization: string): Promise<readonly ClientKey[]> {
  const { ids } = await readDirectory(keystore, ['client_keys', organization], { limit: MOST_KEYS });
  const records = await keystore.readMany<ClientKey>(ids.map(key));
  return records.flatMap((it) => (it ? [it.value] : []));
}

/** False when the organization has no such key. */
export async function revokeClientKey(keystore: Keystore, organization: string, id: string): Promise<boolean> {
  const record = (await keystore.read<ClientKey>(key(id)))?.value;
  if (!record?.organizations.includes(organization)) return false;
  await keystore.delete(key(id));
  for (const each of record.organizations) await removeFromDirectory(keystore, ['client_keys', each], id);
  return true;
}
