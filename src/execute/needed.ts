import type { Credential } from '../auth/credential.ts';
import { isTielineError } from '../errors.ts';
import { credentialKey, readIntegrations } from '../integration/accounts.ts';
import { type Integration, type Integrations, isPending } from '../integration/integration.ts';
import type { Principal } from '../integration/principal.ts';
import { resolveIntegration } from '../integration/resolve.ts';
import type { Engine } from './engine.ts';
import type { Call } from './execute.ts';
import { targetOf } from './proxy.ts';

/** The account that the user has to link before a call can succeed. */
export type Needed = {
  readonly connector: string;
  /** Absent: who the account is gives the name. */
  readonly identifier?: string | undefined;
  /** Id of the integration that needs new credentials. */
  readonly reconnect?: string | undefined;
};

/** What the user has to link after a call failed with `integration_required` or `reauthorization_required`, else undefined. */
export async function neededAccount(
  engine: Engine,
  who: Principal,
  { connector, identifier }: Pick<Call, 'connector' | 'identifier'>,
  error: unknown,
): Promise<Needed | undefined> {
  if (!isTielineError(error)) return undefined;
  const isNew = error.code === 'integration_required';
  if (!isNew && error.code !== 'reauthorization_required') return undefined;
  const all = await readIntegrations(engine.keystore, who, connector, engine.now());
  const own = resolved(all, connector, identifier);
  if (!own) return isNew ? { connector, identifier: identifier ?? all.items.find(isPending)?.identifier } : undefined;
  const account = await accountBehind(engine, who, own);
  const { id, ...it } = account;
  return isPending(account)
    ? { connector: it.connector, identifier: it.identifier }
    : { connector: it.connector, reconnect: id };
}

function resolved(all: Integrations, connector: string, identifier: string | undefined): Integration | undefined {
  try {
    return resolveIntegration(all, connector, identifier);
  } catch (error) {
    if (isTielineError(error)) return undefined;
    throw error;
  }
}

/** The account of another connector that authenticates in its place, or itself. */
async function accountBehind(engine: Engine, who: Principal, own: Integration): Promise<Integration> {
  const option = engine.catalog.connector(own.connector).options.get(own.option);
  if (option?.spec.type !== 'proxy') return own;
  const stored = await engine.keystore.read<Credential>(credentialKey(who, own.connector, own.id));
  try {
    const target = await targetOf(engine, who, own, option.spec.connector, stored?.value.input.integration);
    return target.integration;
  } catch (error) {
    // It is no longer there, so that this one has to be connected anew.
    if (isTielineError(error)) return own;
    throw error;
  }
}
