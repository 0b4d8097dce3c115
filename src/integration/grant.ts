import type { Keystore } from '../keystore/keystore.ts';
import { storeKey } from '../keystore/store.ts';
import { unlessDeleted } from './deletion.ts';
import { addToDirectory, readDirectory, removeFromDirectory } from './directory.ts';
import { newSecret } from './issuedsecret.ts';
import type { Scope } from './principal.ts';
import type { User } from './user.ts';

/** What a user allowed an OAuth client to do. Codes and tokens that came of it are good while it is there. */
export type Grant = {
  readonly id: string;
  readonly organization: string;
  /** Id of the user. */
  readonly user: string;
  /** `client_id` (RFC 6749 §2.2), and the name that was on the consent page. */
  readonly client: { readonly id: string; readonly name: string };
  /** What the tokens are for (RFC 8707). */
  readonly resource: string;
  readonly scopes: readonly Scope[];
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
};

const DAY = 24 * 60 * 60_000;
const LIFE = 180 * DAY;
const MOST_GRANTS = 1_000;
const key = (id: string) => storeKey('grant', id);

export type WantedGrant = Pick<Grant, 'client' | 'resource' | 'scopes'> & { readonly now: number };

/** Good for 180 days, however often its tokens are refreshed. */
export async function createGrant(
  keystore: Keystore,
  { organization, id: user }: User,
  { client, resource, scopes, now }: WantedGrant,
): Promise<Grant> {
  const expiresAt = now + LIFE;
  const grant: Grant = { id: newSecret(), organization, user, client, resource, scopes, createdAt: now, expiresAt };
  await keystore.write(key(grant.id), grant, LIFE);
  await addToDirectory(keystore, ['grants', organization, user], grant.id);
  await unlessDeleted(keystore, grant, () => forget(keystore, grant));
  return grant;
}

/** Undefined when it never was, has run out or was ended. */
export async function readGrant(keystore: Keystore, id: string, now: number): Promise<Grant | undefined> {
  const grant = (await keystore.recall<Grant>(key(id)))?.value;
  return grant && now < grant.expiresAt ? grant : undefined;
}

/** Those of one user that are still good, oldest first. Forgets the others. */
export async function listGrants(keystore: Keystore, user: User, now: number): Promise<readonly Grant[]> {
  const { organization, id, tokensFrom } = user;
  const { ids } = await readDirectory(keystore, ['grants', organization, id], { limit: MOST_GRANTS });
  const records = await keystore.readMany<Grant>(ids.map(key));
  const good: Grant[] = [];
  for (const [index, grantId] of ids.entries()) {
    const grant = records[index]?.value;
    if (grant && now < grant.expiresAt && grant.createdAt >= tokensFrom) good.push(grant);
    else await forget(keystore, { id: grantId, organization, user: id });
  }
  return good;
}

/** Ends a grant, whoever's it is. Nothing happens where it is not there. */
export async function endGrant(keystore: Keystore, id: string): Promise<void> {
  const grant = (await keystore.read<Grant>(key(id)))?.value;
  if (grant) await forget(keystore, grant);
}

/** Ends a grant of this user; false when the user has no such grant. */
export async function endGrantOf(keystore: Keystore, user: User, id: string): Promise<boolean> {
  const grant = (await keystore.read<Grant>(key(id)))?.value;
  if (grant?.user !== user.id || grant.organization !== user.organization) return false;
  await forget(keystore, grant);
  return true;
}

export async function endAllGrants(keystore: Keystore, user: User, now: number): Promise<void> {
  for (const grant of await listGrants(keystore, user, now)) await forget(keystore, grant);
}

async function forget(
  keystore: Keystore,
  { id, organization, user }: Pick<Grant, 'id' | 'organization' | 'user'>,
): Promise<void> {
  await keystore.delete(key(id));
  await removeFromDirectory(keystore, ['grants', organization, user], id);
}
