import { onTestFinished } from 'vitest';
import type { Credential } from '../../src/auth/credential.ts';
import { credentialKey } from '../../src/integration/accounts.ts';
import type { Principal } from '../../src/integration/principal.ts';
import type { Keyring } from '../../src/keystore/keyring.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import type { Store, StoreKey } from '../../src/keystore/store.ts';

export const principal = (organization: string, user: string): Principal => ({
  organization,
  user,
  scopes: new Set(['read', 'write', 'manage']),
});

/** A credential that can be told from others. */
export const credentialOf = (name: string): Credential => ({
  version: 1,
  input: {},
  values: { accessToken: `token of ${name}` },
  obtainedAt: 0,
});

/** A keystore on a store, and the keys under which anything was ever written. */
export type Watched = {
  readonly keystore: Keystore;
  /** The rows there are now, by key. */
  rows(): Promise<Map<StoreKey, string>>;
};

export async function watched(store: Store, keyring: Keyring): Promise<Watched> {
  const keys = new Set<StoreKey>();
  const keystore = await Keystore.open({
    keyring,
    store: {
      ...store,
      set: (key, ...rest) => store.set(keys.add(key) && key, ...rest),
      replace: (key, ...rest) => store.replace(keys.add(key) && key, ...rest),
    },
  });
  onTestFinished(() => keystore.close());
  return {
    keystore,
    async rows() {
      const wanted = [...keys].sort();
      const texts = await store.getMany(wanted);
      return new Map(wanted.flatMap((key, i) => (texts[i] === undefined ? [] : [[key, texts[i]] as const])));
    },
  };
}

/** How many credentials are stored, whoever's. */
export async function credentialsIn(it: Watched): Promise<number> {
  return [...(await it.rows()).keys()].filter((key) => key.startsWith('credential.')).length;
}

export async function tokenOf(keystore: Keystore, who: Principal, connector: string, id: string): Promise<unknown> {
  return (await keystore.read<Credential>(credentialKey(who, connector, id)))?.value.values.accessToken;
}
