import { changeRecord } from '../keystore/change.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { storeKey } from '../keystore/store.ts';
import type { Principal } from './principal.ts';

const key = ({ organization, user }: Principal) => storeKey('user_connectors', organization, user);

/** At which connectors a user has had integrations, so that nothing of theirs is overlooked when they are deleted. */
export async function userConnectors(keystore: Keystore, who: Principal): Promise<readonly string[]> {
  return (await keystore.read<readonly string[]>(key(who)))?.value ?? [];
}

/** To be called before the first integration is stored. */
export async function noteConnector(keystore: Keystore, who: Principal, connector: string): Promise<void> {
  await changeRecord<readonly string[]>(keystore, key(who), 'the user', (names = []) =>
    names.includes(connector) ? names : [...names, connector].sort(),
  );
}

export async function forgetConnectors(keystore: Keystore, who: Principal): Promise<void> {
  await keystore.delete(key(who));
}
