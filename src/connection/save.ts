import type { Credential } from '../auth/credential.ts';
import { readCredential } from '../auth/fresh.ts';
import type { Granted } from '../auth/type.ts';
import { inputSchema } from '../auth/types.ts';
import { buildCatalog } from '../connector/catalog.ts';
import type { Connector } from '../connector/connector.ts';
import { formOf } from '../connector/schema.ts';
import type { Values } from '../connector/values.ts';
import { isTielineError, TielineError } from '../errors.ts';
import { type Connected, connectAccount } from '../execute/connect.ts';
import type { Engine } from '../execute/engine.ts';
import { revokeAccount } from '../execute/revoke.ts';
import { checkArguments } from '../execute/validate.ts';
import {
  addIntegration,
  credentialKey,
  readIntegrations,
  removeIntegration,
  replaceCredential,
} from '../integration/accounts.ts';
import type { Integration } from '../integration/integration.ts';
import type { Principal } from '../integration/principal.ts';
import { OPTION } from './auth.ts';
import { type Built, withoutSecrets } from './connection.ts';
import { isWritten, removeConnector, writeConnector } from './file.ts';
import {
  type ConnectionRecord,
  changedMeanwhile,
  dropConnection,
  findConnection,
  getConnection,
  putConnection,
  type Stored,
} from './record.ts';
import type { Connection } from './spec.ts';

/** Where connections are: the engine, whose they are, and the folder of their definitions. */
export type Place = {
  readonly engine: Engine;
  readonly who: Principal;
  readonly folder: string;
  /** Whether a connector has that name, be it on or off. */
  readonly isTaken: (name: string) => Promise<boolean>;
};

export type Saving = {
  readonly connection: Connection;
  readonly built: Built;
  readonly input: Values;
  /** What a sign-in gave. */
  readonly tokens?: Granted | undefined;
  /** Keep it although it does not work. */
  readonly force?: boolean | undefined;
};

export type Saved = {
  readonly connector: string;
  readonly lockVersion: number;
  readonly tested: boolean;
  /** Why it does not work yet, where it was kept all the same. */
  readonly failure?: TielineError;
};

const IDENTIFIER = 'default';

/**
 * Saves a new connection: its account is tried first, and a failure leaves nothing behind. Throws
 * `integration_exists` where the name is taken, `arguments_invalid`, or what the API's refusal means.
 */
export async function createConnection(place: Place, saving: Saving): Promise<Saved> {
  const { engine, who, folder } = place;
  const { catalog } = engine;
  const { connector } = saving.connection;
  const before = await findFree(place, connector);
  const record = { connection: { ...withoutSecrets(saving.connection), lockVersion: 1 }, integration: null };
  const claimed = await putConnection(engine.keystore, who, before, record);
  let account: Tried | undefined;
  try {
    account = await connectWith(place, saving, IDENTIFIER);
    await writeConnector(folder, connector, saving.built.yaml);
  } catch (error) {
    engine.catalog = catalog;
    if (account) await removeIntegration(engine.keystore, who, connector, account.integration.identifier);
    await dropConnection(engine.keystore, who, connector);
    await removeConnector(folder, connector).catch(() => undefined); // the first failure is the one to tell
    throw error;
  }
  await putConnection(engine.keystore, who, claimed, { ...record, integration: account.integration.id });
  engine.changed?.(who);
  return { connector, lockVersion: 1, tested: account.tested, ...failureOf(account) };
}

/** A record whose definition is gone is left from a folder that was deleted by hand. */
async function findFree({ engine, who, folder, isTaken }: Place, connector: string): Promise<Stored | undefined> {
  const before = await findConnection(engine.keystore, who, connector);
  const isOurs = before !== undefined && (await isWritten(folder, connector));
  if (!isOurs && !(await isTaken(connector))) return before;
  throw new TielineError('integration_exists', `there is already a connector ${connector}`, {
    hint: isOurs ? `Change it with: tieline connections edit ${connector}` : 'Choose another name.',
  });
}

/**
 * Saves a changed connection over the stored one that was read. Its account is tried first, and a failure leaves
 * everything as it was. Throws `conflict` when somebody changed it meanwhile.
 */
export async function updateConnection(place: Place, stored: Stored, saving: Saving): Promise<Saved> {
  const { engine, who, folder } = place;
  const { catalog } = engine;
  const { connection: old, integration: id } = stored.value;
  const { connector } = old;
  const lockVersion = old.lockVersion + 1;
  const record: ConnectionRecord = {
    connection: { ...withoutSecrets(saving.connection), connector, lockVersion },
    integration: id,
  };
  const claimed = await putConnection(engine.keystore, who, stored, record);
  const existing = await integrationOf(place, stored.value);
  const credential = existing && (await credentialOf(place, existing));
  let account: Tried | undefined;
  try {
    account = await connectWith(place, saving, existing?.identifier ?? IDENTIFIER);
    await writeConnector(folder, connector, saving.built.yaml);
  } catch (error) {
    engine.catalog = catalog;
    if (account && existing && credential) await replaceCredential(engine.keystore, who, existing, credential);
    else if (account) await removeIntegration(engine.keystore, who, connector, account.integration.identifier);
    await putConnection(engine.keystore, who, claimed, stored.value);
    throw error;
  }
  await putConnection(engine.keystore, who, claimed, { ...record, integration: account.integration.id });
  return { connector, lockVersion, tested: account.tested, ...failureOf(account) };
}

/** The stored connection, if it is still the one that the changes were made to. Throws `conflict`. */
export async function openConnection(place: Place, connector: string, lockVersion?: unknown): Promise<Stored> {
  const stored = await getConnection(place.engine.keystore, place.who, connector);
  const current = stored.value.connection.lockVersion;
  if (lockVersion !== undefined && lockVersion !== null && lockVersion !== current) throw changedMeanwhile(connector);
  return stored;
}

/** What the user typed before, as far as the form of the new option still asks for it. */
export async function keptInput(place: Place, record: ConnectionRecord, connector: Connector): Promise<Values> {
  const integration = await integrationOf(place, record);
  const credential = integration && (await credentialOf(place, integration));
  const { fields } = formOf(inputSchema(connector.defaultOption));
  return Object.fromEntries(Object.entries(credential?.input ?? {}).filter(([name]) => Object.hasOwn(fields, name)));
}

/** Forgets a connection: its accounts, whose tokens are revoked where there is a way to, and its definition. */
export async function removeConnection(place: Place, connector: string): Promise<{ accounts: number }> {
  const { engine, who, folder } = place;
  await getConnection(engine.keystore, who, connector);
  const { items } = await readIntegrations(engine.keystore, who, connector);
  const known = engine.catalog.connectors.find((it) => it.name === connector);
  for (const it of items) {
    if (known) await revokeAccount(engine, who, known, it).catch(expected);
    await removeIntegration(engine.keystore, who, connector, it.identifier);
  }
  await removeConnector(folder, connector);
  await dropConnection(engine.keystore, who, connector);
  engine.changed?.(who);
  return { accounts: items.length };
}

/** An account can be removed all the same when its provider is not there. */
function expected(error: unknown): void {
  if (!isTielineError(error)) throw error;
}

/** The account of a connection; undefined when it was removed. */
export async function integrationOf(
  { engine, who }: Place,
  { connection, integration: id }: ConnectionRecord,
): Promise<Integration | undefined> {
  const { items } = await readIntegrations(engine.keystore, who, connection.connector);
  return items.find((it) => it.id === id) ?? items.find((it) => it.identifier === IDENTIFIER);
}

const credentialOf = ({ engine, who }: Place, it: Integration): Promise<Credential | undefined> =>
  readCredential(engine.keystore, credentialKey(who, it.connector, it.id)).catch((error: unknown) => {
    if (isTielineError(error) && error.code === 'reauthorization_required') return undefined;
    throw error;
  });

type Tried = Pick<Connected, 'integration' | 'tested'> & { readonly failure?: TielineError };

const failureOf = ({ failure }: Tried) => failure && { failure };

/** Connects the account as ever, in an engine that knows the connector already. */
async function connectWith(
  { engine, who }: Place,
  { built, input, tokens, force }: Saving,
  identifier: string,
): Promise<Tried> {
  adopt(engine, built.connector);
  const { name } = built.connector;
  const wanted = { connector: name, option: OPTION, identifier, input, tokens, reconnect: true };
  try {
    return await connectAccount(engine, who, wanted);
  } catch (error) {
    if (!force || tokens || !isTielineError(error) || error.code === 'arguments_invalid') throw error;
    return {
      integration: await storeUntried(engine, who, built.connector, identifier, input),
      tested: false,
      failure: error,
    };
  }
}

/** Stores an account that could not be used: the first call gets its token. */
async function storeUntried(
  engine: Engine,
  who: Principal,
  connector: Connector,
  identifier: string,
  input: Values,
): Promise<Integration> {
  const option = connector.defaultOption;
  checkArguments(inputSchema(option), input, 'the connection parameters');
  const now = engine.now();
  const credential: Credential = { version: 1, input, values: input, obtainedAt: now };
  const { items } = await readIntegrations(engine.keystore, who, connector.name);
  const existing = items.find((it) => it.identifier === identifier);
  if (existing) {
    await replaceCredential(engine.keystore, who, existing, credential);
    return existing;
  }
  const account = {
    connector: connector.name,
    identifier,
    option: option.key,
    settings: {},
    account: {},
    createdAt: now,
  };
  return addIntegration(engine.keystore, who, account, credential);
}

/** Makes the engine know a connector before its file is there. Throws `definition_invalid` where two tools would have one name. */
export function adopt(engine: Engine, connector: Connector): void {
  const others = engine.catalog.connectors.filter((it) => it.name !== connector.name);
  engine.catalog = buildCatalog([...others, connector]);
}
