import type { Values } from '../connector/values.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { storeKey } from '../keystore/store.ts';
import { checkValues } from '../limits.ts';

const NONE: Values = Object.freeze({});

/** What an organization set for a connector, such as the client ID and secret of its OAuth app. Sealed at rest. */
export async function readApp(keystore: Keystore, organization: string, connector: string): Promise<Values> {
  return (await keystore.recall<Values>(storeKey('app', organization, connector)))?.value ?? NONE;
}

export async function writeApp(
  keystore: Keystore,
  organization: string,
  connector: string,
  app: Values,
): Promise<void> {
  checkValues(app, 'the parameters of the app');
  await keystore.write(storeKey('app', organization, connector), app);
}

export async function deleteApp(keystore: Keystore, organization: string, connector: string): Promise<boolean> {
  return keystore.delete(storeKey('app', organization, connector));
}
