import { randomUUID } from 'node:crypto';
import type { Credential } from '../auth/credential.ts';
import type { Values } from '../connector/values.ts';
import { TielineError } from '../errors.ts';
import { changeRecord } from '../keystore/change.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { type StoreKey, storeKey } from '../keystore/store.ts';
import { unlessDeleted } from './deletion.ts';
import {
  type Found,
  type Integration,
  type Integrations,
  isPending,
  noIntegrations,
  withAdded,
  withAwaited,
  withConnected,
  withDefault,
  withDisabled,
  withIdentifier,
  withoutExpired,
  withRemoved,
} from './integration.ts';
import { forgetLocation, noteLocation } from './locator.ts';
import type { Principal } from './principal.ts';
import { findConnected, findIntegration } from './resolve.ts';
import { readUser } from './user.ts';
import { forgetConnectors, noteConnector } from './userconnectors.ts';

/** Where one user's integrations of one connector are stored. Another user's have another key: no query can mix them. */
const integrationsKey = (who: Principal, connector: string): StoreKey =>
  storeKey('integrations', who.organization, who.user, connector);

export const credentialKey = (who: Principal, connector: string, id: string): StoreKey =>
  storeKey('credential', who.organization, who.user, connector, id);

/** The user's integrations of a connector at a time, in epoch milliseconds: pending ones end by themselves. */
export async function readIntegrations(
  keystore: Keystore,
  who: Principal,
  connector: string,
  now = Date.now(),
): Promise<Integrations> {
  const record = await keystore.recall<Integrations>(integrationsKey(who, connector));
  return withoutExpired(record?.value ?? noIntegrations, now);
}

/** The user's integrations at each of some connectors, in one read. */
export async function readAllIntegrations(
  keystore: Keystore,
  who: Principal,
  connectors: readonly string[],
  now = Date.now(),
): Promise<Map<string, Integrations>> {
  const records = await keystore.recallMany<Integrations>(connectors.map((it) => integrationsKey(who, it)));
  return new Map(connectors.map((it, i) => [it, withoutExpired(records[i]?.value ?? noIntegrations, now)]));
}

/** Applies a rule to the user's integrations of a connector. */
const change = (
  keystore: Keystore,
  who: Principal,
  connector: string,
  rule: (all: Integrations) => Integrations,
  now = Date.now(),
): Promise<Integrations> =>
  changeRecord<Integrations>(keystore, integrationsKey(who, connector), 'the integrations', (all = noIntegrations) =>
    rule(withoutExpired(all, now)),
  );

/** Adds an account with its credential. Throws `integration_exists`, and then nothing is stored. */
export async function addIntegration(
  keystore: Keystore,
  who: Principal,
  account: Omit<Integration, 'id'>,
  credential: Credential,
): Promise<Integration> {
  const integration = { ...account, id: randomUUID() };
  const key = credentialKey(who, account.connector, integration.id);
  await noteConnector(keystore, who, account.connector);
  await noteLocation(keystore, who, account.connector, integration.id);
  // The credential comes first: an integration without one could not be told from one whose credential was lost.
  await keystore.write(key, credential);
  try {
    await change(keystore, who, account.connector, (all) => withAdded(all, integration));
  } catch (error) {
    await keystore.delete(key);
    await forgetLocation(keystore, who, integration.id);
    throw error;
  }
  await unlessDeleted(keystore, who, () => forget(keystore, who, integration));
  return integration;
}

/** Removes an account that was added while its user was being deleted. */
async function forget(keystore: Keystore, who: Principal, { connector, id }: Integration): Promise<void> {
  await change(keystore, who, connector, (all) => withRemoved(all, id));
  await keystore.delete(credentialKey(who, connector, id));
  await forgetLocation(keystore, who, id);
  // As long as the user is there the deletion goes by these records.
  if (!(await readUser(keystore, who.organization, who.user))) await forgetAll(keystore, who, [connector]);
}

/** Removes what is kept of a user who has no accounts any more, once they themselves are gone. */
export async function forgetAll(keystore: Keystore, who: Principal, connectors: readonly string[]): Promise<void> {
  for (const it of connectors) await keystore.delete(integrationsKey(who, it));
  await forgetConnectors(keystore, who);
}

/** An account that a person is yet to connect: gone at its time, and never the default before. */
export type Awaited = Omit<Integration, 'id' | 'account' | 'disabledAt'> & { readonly pendingUntil: number };

/**
 * Keeps an identifier for an account that a program waits for. One that is waited for already stays as it is. Throws
 * `integration_exists`.
 */
export async function addPendingIntegration(keystore: Keystore, who: Principal, wanted: Awaited): Promise<Integration> {
  const { connector, identifier, createdAt, pendingUntil } = wanted;
  const pending = { ...wanted, id: randomUUID(), account: {} };
  await noteConnector(keystore, who, connector);
  // Of one that nobody connects nothing is left.
  await noteLocation(keystore, who, connector, pending.id, pendingUntil - createdAt);
  try {
    const all = await change(keystore, who, connector, (it) => withAwaited(it, pending), createdAt);
    const kept = findIntegration(all, connector, identifier);
    if (kept.id !== pending.id) await forgetLocation(keystore, who, pending.id);
    await unlessDeleted(keystore, who, () => forget(keystore, who, kept));
    return kept;
  } catch (error) {
    await forgetLocation(keystore, who, pending.id);
    throw error;
  }
}

/** Waits for an account no longer. One that has been connected stays. */
export async function removePending(
  keystore: Keystore,
  who: Principal,
  connector: string,
  identifier: string,
): Promise<void> {
  let pending: Integration | undefined;
  await change(keystore, who, connector, (all) => {
    pending = all.items.find((it) => it.identifier === identifier && isPending(it));
    return pending ? withRemoved(all, pending.id) : all;
  });
  if (pending) await forgetLocation(keystore, who, pending.id);
}

/**
 * Puts an account and its credential in place of a pending one, under its id. Throws `integration_exists` when somebody
 * else has connected it, `integration_unknown` when it is gone; then nothing is stored.
 */
export async function connectPending(
  keystore: Keystore,
  who: Principal,
  { id, connector, identifier }: Integration,
  found: Found & Pick<Integration, 'createdAt'>,
  credential: Credential,
): Promise<Integration> {
  const key = credentialKey(who, connector, id);
  // Of two that connect it at one time, the credential of one must not come under the account of the other.
  if (!(await keystore.replace(key, undefined, credential))) {
    throw new TielineError('integration_exists', `${connector} ${identifier} is being connected by somebody else`, {
      hint: 'See how it is with: tieline integrations list',
    });
  }
  const connected = { ...found, id, connector, identifier };
  try {
    // For ever from now on, before it is stored; but nobody else's.
    const before = await readIntegrations(keystore, who, connector, found.createdAt);
    if (before.items.some((it) => it.id === id)) await noteLocation(keystore, who, connector, id);
    const all = await change(keystore, who, connector, (it) => withConnected(it, connected), found.createdAt);
    await unlessDeleted(keystore, who, () => forget(keystore, who, connected));
    return all.items.find((it) => it.id === id) ?? connected;
  } catch (error) {
    await keystore.delete(key);
    throw error;
  }
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
    id = findIntegration(all, connector, identifier).id;
    return withRemoved(all, id);
  });
  await keystore.delete(credentialKey(who, connector, id));
  await forgetLocation(keystore, who, id);
  return left;
}

export const setDefaultIntegration = (keystore: Keystore, who: Principal, connector: string, identifier: string) =>
  change(keystore, who, connector, (all) => withDefault(all, findConnected(all, connector, identifier).id));

/** Keeps an account from serving calls since a time, in epoch milliseconds, or lets it again. */
export const setDisabled = (
  keystore: Keystore,
  who: Principal,
  connector: string,
  identifier: string,
  since: number | undefined,
) => change(keystore, who, connector, (all) => withDisabled(all, findConnected(all, connector, identifier).id, since));

export const renameIntegration = (
  keystore: Keystore,
  who: Principal,
  connector: string,
  identifier: string,
  next: string,
) =>
  change(keystore, who, connector, (all) => withIdentifier(all, findIntegration(all, connector, identifier).id, next));

/**
 * Puts what a new connect found out, and its credential, under an account that is there, and gives the account as it is
 * then. Throws `integration_unknown` for one that was removed meanwhile; then nothing is stored.
 */
export async function reconnectIntegration(
  keystore: Keystore,
  who: Principal,
  existing: Integration,
  found: Found,
  credential: Omit<Credential, 'version'>,
): Promise<Integration> {
  const { id, connector } = existing;
  const update = (it: Integration) => (it.id === id ? { ...it, ...found } : it);
  const all = await change(keystore, who, connector, (before) => ({ ...before, items: before.items.map(update) }));
  const integration = all.items.find((it) => it.id === id);
  if (!integration) throw removedMeanwhile(existing);
  await replaceCredential(keystore, who, integration, credential);
  return integration;
}

/** Adds what a refresh has told to the facts about an account. Who it is stays. */
export const mergeAccount = (
  keystore: Keystore,
  who: Principal,
  { id, connector }: Integration,
  facts: Values,
): Promise<Integrations> =>
  change(keystore, who, connector, (all) => {
    const merged = ({ account, ...it }: Integration) => {
      const { key = undefined, ...kept } = account;
      return { ...it, account: { ...kept, ...facts, ...(key !== undefined && { key }) } };
    };
    return { ...all, items: all.items.map((it) => (it.id === id ? merged(it) : it)) };
  });

/**
 * Puts new credentials under an account that is there, keeping its identifier, settings and place as default. Throws
 * `integration_unknown` where that was removed meanwhile, with its credential.
 */
export async function replaceCredential(
  keystore: Keystore,
  who: Principal,
  integration: Integration,
  credential: Omit<Credential, 'version'>,
): Promise<void> {
  const key = credentialKey(who, integration.connector, integration.id);
  await changeRecord<Credential>(keystore, key, 'the credential', (old) => ({
    ...credential,
    version: (old?.version ?? 0) + 1,
  }));
  // Whoever removes an account deletes its credential last, so that one of both sees the other.
  const { items } = await readIntegrations(keystore, who, integration.connector);
  if (items.some((it) => it.id === integration.id)) return;
  await keystore.delete(key);
  throw removedMeanwhile(integration);
}

const removedMeanwhile = ({ connector, identifier }: Integration): TielineError =>
  new TielineError('integration_unknown', `${connector} ${identifier} was removed meanwhile`, {
    hint: 'Connect it as a new one.',
  });

/** Wipes the credential of an account whose access the user ended. Identity and place stay for a new connect. */
export const wipeCredential = (keystore: Keystore, who: Principal, integration: Integration, at: number) =>
  replaceCredential(keystore, who, integration, {
    input: {},
    values: {},
    obtainedAt: at,
    failure: { code: 'reauthorization_required', cause: 'revoked', message: 'its owner ended the access', at },
  });
