import { TielineError } from '../errors.ts';
import { changeRecord } from '../keystore/change.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { storeKey } from '../keystore/store.ts';
import { addToDirectory, newId, type Page, type Position, readDirectory } from './directory.ts';

/** A tenant. Nothing of one can be seen by another. */
export type Organization = {
  readonly id: string;
  readonly name: string;
  /** Where browsers may be sent after a connect flow. Compared as whole addresses. */
  readonly redirectUrls: readonly string[];
  /** Epoch milliseconds. */
  readonly createdAt: number;
};

const key = (id: string) => storeKey('organization', id);

export async function createOrganization(
  keystore: Keystore,
  { name, now }: { readonly name: string; readonly now: number },
): Promise<Organization> {
  const organization: Organization = { id: newId('org'), name, redirectUrls: [], createdAt: now };
  await addToDirectory(keystore, ['organizations'], organization.id);
  await keystore.write(key(organization.id), organization);
  return organization;
}

export async function readOrganization(keystore: Keystore, id: string): Promise<Organization | undefined> {
  return (await keystore.read<Organization>(key(id)))?.value;
}

export async function listOrganizations(
  keystore: Keystore,
  page: { readonly after?: Position | undefined; readonly limit: number },
): Promise<{ readonly organizations: readonly Organization[]; readonly next?: Page['next'] }> {
  const { ids, ...next } = await readDirectory(keystore, ['organizations'], page);
  const records = await keystore.readMany<Organization>(ids.map(key));
  return { organizations: records.flatMap((it) => (it ? [it.value] : [])), ...next };
}

/** Throws `organization_unknown`. */
export const updateOrganization = (
  keystore: Keystore,
  id: string,
  change: Partial<Pick<Organization, 'name' | 'redirectUrls'>>,
): Promise<Organization> =>
  changeRecord<Organization>(keystore, key(id), 'the organization', (organization) => {
    if (!organization) throw unknownOrganization(id);
    return { ...organization, ...change };
  });

/** The same for one that is not there and for one that belongs to somebody else. */
export const unknownOrganization = (id: string): TielineError =>
  new TielineError('organization_unknown', `there is no organization ${JSON.stringify(id)} for this key`, {
    hint: 'Use the id of an organization that the client API key belongs to.',
  });
