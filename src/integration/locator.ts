import type { Keystore } from '../keystore/keystore.ts';
import { storeKey } from '../keystore/store.ts';
import type { Principal } from './principal.ts';

/** Whose integration it is and where, for callers that know nothing but its id. */
export type Location = { readonly user: string; readonly connector: string };

/** Under the organization, so that an id of another one is as unknown as any other. */
const key = (organization: string, id: string) => storeKey('integration', organization, id);

export async function locateIntegration(
  keystore: Keystore,
  organization: string,
  id: string,
): Promise<Location | undefined> {
  return (await keystore.read<Location>(key(organization, id)))?.value;
}

/**
 * To be called before the integration is stored: one that nobody finds by its id could not be removed. `life` is in
 * milliseconds; for ever by default.
 */
export async function noteLocation(
  keystore: Keystore,
  who: Principal,
  connector: string,
  id: string,
  life?: number,
): Promise<void> {
  await keystore.write(key(who.organization, id), { user: who.user, connector } satisfies Location, life);
}

export async function forgetLocation(keystore: Keystore, who: Principal, id: string): Promise<void> {
  await keystore.delete(key(who.organization, id));
}
