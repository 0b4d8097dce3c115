import type { Values } from '../connector/values.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { storeKey } from '../keystore/store.ts';
import type { Principal } from './principal.ts';

/** What an organization set for a connector, such as the client ID and secret of its OAuth app. Sealed at rest. */
export async function readApp(keystore: Keystore, who: Principal, connector: string): Promise<Values> {
  return (await keystore.read<Values>(storeKey('app', who.organization, connector)))?.value ?? {};
}

export async function writeApp(keystore: Keystore, who: Principal, connector: string, app: Values): Promise<void> {
  await keystore.write(storeKey('app', who.organization, connector), app);
}
