import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Credential } from '../auth/credential.ts';
import { TielineError } from '../errors.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { type StoreKey, storeKey } from '../keystore/store.ts';
import {
  type Integration,
  type Integrations,
  noIntegrations,
  withAdded,
  withDefault,
  withIdentifier,
  withRemoved,
} from './integration.ts';
import type { Principal } from './principal.ts';
import { resolveIntegration } from './resolve.ts';

/** Where one user's integrations of one connector are stored. Another user's have another key: no query can mix them. */
const integrationsKey = (who: Principal, connector: string): StoreKey =>
  storeKey('integrations', who.organization, who.user, connector);

export const credentialKey = (who: Principal, connector: string, id: string): StoreKey =>
  storeKey('credential', who.organization, who.user, connector, id);

export async function readIntegrations(keystore: Keystore, who: Principal, connector: string): Promise<Integrations> {
  return (await keystore.read<Integrations>(integrationsKey(who, connector)))?.value ?? noIntegrations;
}

/** The user's integrations at each of some connectors, in one read. */
export async function readAllIntegrations(
  keystore: Keystore,
  who: Principal,
  connectors: readonly string[],
): Promise<Map<string, Integrations>> {
  const records = await keystore.readMany<Integrations>(connectors.map((it) => integrationsKey(who, it)));
  return new Map(connectors.map((it, i) => [it, records[i]?.value ?? noIntegrations]));
}

const MOST_TRIES = 20;

/** Milliseconds, by chance and ever more: those who came together must not go on together. */
const pause = (tries: number): Promise<void> => sleep(Math.random() * Math.min(200, 2 ** tries));

/** Applies a rule to the stored record, again if somebody else changed it meanwhile. */
async function change(
  keystore: Keystore,
  who: Principal,
  connector: string,
  rule: (all: Integrations) => Integrations,
): Promise<Integrations> {
  const key = integrationsKey(who, connector);
  for (let i = 0; i < MOST_TRIES; i++) {
    const record = await keystore.read<Integrations>(key);
    const next = rule(record?.value ?? noIntegrations);
    if (await keystore.replace(key, record, next)) return next;
    await pause(i);
  }
  throw new TielineError('store_unavailable', 'the integrations kept changing', { hint: 'Try again.', retryAfter: 1 });
}

/** Adds an account with its credential. Throws `integration_exists`, and then nothing is stored. */
export async function addIntegration(
  keystore: Keystore,
  who: Principal,
  account: Omit<Integration, 'id'>,
  credential: Credential,
): Promise<Integration> {
  const integration = { ...account, id: randomUUID() };
  const key = credentialKey(who, account.connector, integration.id);
  // The credential comes first: an integration without one could not be told from one whose credential was lost.
  await keystore.write(key, credential);
  try {
    await change(keystore, who, account.connector, (all) => withAdded(all, integration));
  } catch (error) {
    await keystore.delete(key);
    throw error;
  }
  return integration;
}

/** Removes an account and its credential. Gives what is left. */
export async function removeIntegration(
  keystore: Keystore,
  who: Principal,
  connector: string,
  identifier: string,
): Promise<Integrations> {
  let id = '';
  const left = await change(keystore, who, connector, (all) => {
    id = resolveIntegration(all, connector, identifier).id;
    return withRemoved(all, id);
  });
  await keystore.delete(credentialKey(who, connector, id));
  return left;
}

export const setDefaultIntegration = (keystore: Keystore, who: Principal, connector: string, identifier: string) =>
  change(keystore, who, connector, (all) => withDefault(all, resolveIntegration(all, connector, identifier).id));

export const renameIntegration = (
  keystore: Keystore,
  who: Principal,
  connector: string,
  identifier: string,
  next: string,
) =>
  change(keystore, who, connector, (all) =>
    withIdentifier(all, resolveIntegration(all, connector, identifier).id, next),
  );

/** Puts what a new connect found out under an account that is there. Gives the account as it is then. */
export async function updateIntegration(
  keystore: Keystore,
  who: Principal,
  { id, connector }: Integration,
  found: Pick<Integration, 'option' | 'settings' | 'account'>,
): Promise<Integration | undefined> {
  const update = (it: Integration) => (it.id === id ? { ...it, ...found } : it);
  const all = await change(keystore, who, connector, (before) => ({ ...before, items: before.items.map(update) }));
  return all.items.find((it) => it.id === id);
}

/** Puts new credentials under an account that is there, keeping its identifier, settings and place as default. */
export async function replaceCredential(
  keystore: Keystore,
  who: Principal,
  integration: Integration,
  credential: Omit<Credential, 'version'>,
): Promise<void> {
  const key = credentialKey(who, integration.connector, integration.id);
  for (let i = 0; i < MOST_TRIES; i++) {
    const record = await keystore.read<Credential>(key);
    const version = (record?.value.version ?? 0) + 1;
    if (await keystore.replace(key, record, { ...credential, version })) return;
    await pause(i);
  }
  throw new TielineError('store_unavailable', 'the credential kept changing', { hint: 'Try again.', retryAfter: 1 });
}
