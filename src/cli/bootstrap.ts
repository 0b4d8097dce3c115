import type { Engine } from '../execute/engine.ts';
import { createClientKey } from '../integration/clientkey.ts';
import { createOrganization, listOrganizations } from '../integration/organization.ts';
import { storeKey } from '../keystore/store.ts';

export type Bootstrapped = { readonly organization: string; readonly clientKey: string };

/** Makes an organization with a client API key, whose text is shown now and never again. */
export async function bootstrap(
  { keystore, now }: Engine,
  { name, onlyIfNone = false }: { readonly name: string; readonly onlyIfNone?: boolean },
): Promise<Bootstrapped | undefined> {
  const make = async (): Promise<Bootstrapped> => {
    const { id } = await createOrganization(keystore, { name, now: now() });
    const { text } = await createClientKey(keystore, { name: 'first', organizations: [id], now: now() });
    return { organization: id, clientKey: text };
  };
  if (!onlyIfNone) return make();
  const hasOne = async () => (await listOrganizations(keystore, { limit: 1 })).organizations.length > 0;
  if (await hasOne()) return undefined;
  // Servers that start together on an empty store make one organization, not several.
  const lease = await keystore.lease(storeKey('lease', 'bootstrap'), {
    ttlMs: 10_000,
    waitMs: 20_000,
    isSettled: hasOne,
  });
  if (lease === 'settled') return undefined;
  try {
    return (await hasOne()) ? undefined : await make();
  } finally {
    await lease.release();
  }
}
