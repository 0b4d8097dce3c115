import { setTimeout as sleep } from 'node:timers/promises';
import { TielineError } from '../errors.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { storeKey } from '../keystore/store.ts';
import type { Principal } from './principal.ts';

const MOST_TRIES = 20;
const key = ({ organization, user }: Principal) => storeKey('user_connectors', organization, user);

/** At which connectors a user has had integrations, so that nothing of theirs is overlooked when they are deleted. */
export async function userConnectors(keystore: Keystore, who: Principal): Promise<readonly string[]> {
  return (await keystore.read<readonly string[]>(key(who)))?.value ?? [];
}

/** To be called before the first integration is stored. */
export async function noteConnector(keystore: Keystore, who: Principal, connector: string): Promise<void> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const record = await keystore.read<readonly string[]>(key(who));
    const names = record?.value ?? [];
    if (names.includes(connector)) return;
    if (await keystore.replace(key(who), record, [...names, connector].sort())) return;
    await sleep(Math.random() * Math.min(200, 2 ** tries));
  }
  throw new TielineError('store_unavailable', 'the user kept changing', { hint: 'Try again.', retryAfter: 1 });
}

export async function forgetConnectors(keystore: Keystore, who: Principal): Promise<void> {
  await keystore.delete(key(who));
}
