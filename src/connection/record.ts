import { TielineError } from '../errors.ts';
import type { Principal } from '../integration/principal.ts';
import type { Keystore, Sealed } from '../keystore/keystore.ts';
import { type StoreKey, storeKey } from '../keystore/store.ts';
import type { Connection } from './spec.ts';

/** What is kept of a connection besides its definition: what the user entered, without the secrets. */
export type ConnectionRecord = {
  /** With `lockVersion`, which grows by one with each change. */
  readonly connection: Connection & { readonly lockVersion: number };
  /** Id of the integration that was made with it. */
  readonly integration: string | null;
};

export type Stored = Sealed<ConnectionRecord>;

const keyOf = (who: Principal, connector: string): StoreKey =>
  storeKey('connection', who.organization, who.user, connector);

export const findConnection = (keystore: Keystore, who: Principal, connector: string): Promise<Stored | undefined> =>
  keystore.read<ConnectionRecord>(keyOf(who, connector));

/** The user's connections among those names, in their order. */
export async function readConnections(
  keystore: Keystore,
  who: Principal,
  connectors: readonly string[],
): Promise<ConnectionRecord[]> {
  const found = await keystore.readMany<ConnectionRecord>(connectors.map((it) => keyOf(who, it)));
  return found.flatMap((it) => (it ? [it.value] : []));
}

/** Throws `connector_unknown`. */
export async function getConnection(keystore: Keystore, who: Principal, connector: string): Promise<Stored> {
  const found = await findConnection(keystore, who, connector);
  if (found) return found;
  throw new TielineError('connector_unknown', `there is no connection ${connector}`, {
    hint: 'List those there are with: tieline connections list',
  });
}

/** Stores over what was read and nothing else. Throws `conflict` when somebody changed it meanwhile. */
export async function putConnection(
  keystore: Keystore,
  who: Principal,
  before: { readonly sealed: string } | undefined,
  record: ConnectionRecord,
): Promise<{ readonly sealed: string }> {
  const written = await keystore.replace(keyOf(who, record.connection.connector), before, record);
  if (written) return written;
  throw changedMeanwhile(record.connection.connector);
}

export const changedMeanwhile = (connector: string): TielineError =>
  new TielineError('conflict', `the connection ${connector} was changed meanwhile`, {
    hint: `Look at it as it is now, and try again: tieline connections show ${connector}`,
  });

export const dropConnection = (keystore: Keystore, who: Principal, connector: string): Promise<boolean> =>
  keystore.delete(keyOf(who, connector));
