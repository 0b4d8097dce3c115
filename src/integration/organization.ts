import { TielineError } from '../errors.ts';
import { changeRecord } from '../keystore/change.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { storeKey } from '../keystore/store.ts';
import { quoted } from '../quoted.ts';
import { addToDirectory, newId, type Page, type Position, readDirectory } from './directory.ts';
import { checkOrganizationName, isOwnName, skeletonOf } from './organizationname.ts';

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

/** Throws `arguments_invalid` for a name that cannot be shown, or that looks like another one. */
export async function createOrganization(
  keystore: Keystore,
  { name: text, now }: { readonly name: string; readonly now: number },
): Promise<Organization> {
  const name = checkOrganizationName(text);
  const organization: Organization = { id: newId('org'), name, redirectUrls: [], createdAt: now };
  await takeName(keystore, organization);
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

/** Throws `organization_unknown`, and `arguments_invalid` for a name as `createOrganization` does. */
export async function updateOrganization(
  keystore: Keystore,
  id: string,
  { name: text, redirectUrls }: Partial<Pick<Organization, 'name' | 'redirectUrls'>>,
): Promise<Organization> {
  const name = text === undefined ? undefined : checkOrganizationName(text);
  if (name !== undefined) await takeName(keystore, { id, name });
  return changeRecord<Organization>(keystore, key(id), 'the organization', (organization) => {
    if (!organization) throw unknownOrganization(id);
    return { ...organization, ...(name !== undefined && { name }), ...(redirectUrls && { redirectUrls }) };
  });
}

type Named = Pick<Organization, 'id' | 'name'>;

/** Whose a name is, since when in epoch milliseconds. */
type Taken = { readonly id: string; readonly at: number };

/** How long who has taken a name may need to be called so. */
const NAMING_MS = 60_000;

async function isFree(keystore: Keystore, skeleton: string, { id, at }: Taken, now: number): Promise<boolean> {
  const owner = await readOrganization(keystore, id);
  if (owner && (await skeletonOf(owner.name)) === skeleton) return false;
  return Math.abs(now - at) > NAMING_MS;
}

/** Ids of organizations by what their names look like. */
const nameKey = (skeleton: string) => storeKey('organization_name', skeleton);

/** Present once the names of all organizations of an older version are known by what they look like. */
const NAMES_KNOWN = storeKey('organization_name');

/** Keeps the name for an organization. One that another had before, and has no longer, is free. */
async function takeName(keystore: Keystore, wanted: Named): Promise<void> {
  const skeleton = await skeletonOf(wanted.name);
  if (skeleton === '') throw alike(wanted.name, 'nothing');
  if (await isOwnName(skeleton)) throw alike(wanted.name, 'Tieline');
  await learnNames(keystore);
  const at = Date.now();
  for (;;) {
    const record = await keystore.read<Taken>(nameKey(skeleton));
    if (record?.value.id === wanted.id) return;
    if (record && !(await isFree(keystore, skeleton, record.value, at)))
      throw alike(wanted.name, 'another organization');
    if (await keystore.replace(nameKey(skeleton), record, { id: wanted.id, at })) return;
  }
}

async function learnNames(keystore: Keystore): Promise<void> {
  if (await keystore.read(NAMES_KNOWN)) return;
  for (let after: Position | undefined, isFirst = true; isFirst || after; isFirst = false) {
    const { organizations, next }: Awaited<ReturnType<typeof listOrganizations>> = await listOrganizations(keystore, {
      after,
      limit: 500,
    });
    for (const { id, name } of organizations) {
      await keystore.replace(nameKey(await skeletonOf(name)), undefined, { id, at: 0 });
    }
    after = next;
  }
  await keystore.write(NAMES_KNOWN, true);
}

const alike = (name: string, what: string): TielineError =>
  new TielineError('arguments_invalid', `the name ${JSON.stringify(name)} looks like ${what}`, {
    hint: 'Choose one that people cannot take for another.',
  });

/** The same for one that is not there and for one that belongs to somebody else. */
export const unknownOrganization = (id: string): TielineError =>
  new TielineError('organization_unknown', `there is no organization ${quoted(id)} for this key`, {
    hint: 'Use the id of an organization that the client API key belongs to.',
  });
