import type { Credential } from '../auth/credential.ts';
import { readCredential } from '../auth/fresh.ts';
import type { Connector } from '../connector/connector.ts';
import { isTielineError } from '../errors.ts';
import { credentialKey, readIntegrations, removeIntegration, wipeCredential } from '../integration/accounts.ts';
import { type Integration, type Integrations, isPending } from '../integration/integration.ts';
import type { Principal } from '../integration/principal.ts';
import { findConnected, findIntegration } from '../integration/resolve.ts';
import { endTokens } from './endtokens.ts';
import type { Engine } from './engine.ts';
import { accountOptions } from './stored.ts';

/**
 * Ends the tokens of an account at its provider; to be called before the integration is removed. False when the
 * definition gives no way to. Throws what the provider's refusal means.
 */
export async function revokeAccount(
  engine: Engine,
  who: Principal,
  connector: Connector,
  integration: Integration,
): Promise<boolean> {
  const options = await accountOptions(engine, who, connector, integration);
  const credential = await readCredential(engine.keystore, credentialKey(who, connector.name, integration.id));
  return endTokens(engine, connector, options, credential);
}

/**
 * Ends the access of an account: its tokens at the provider, then its stored credential. It keeps identifier, identity
 * and place, and a new connect brings it back. False when the definition gives no way to tell the provider.
 *
 * Throws what the provider's refusal means; then nothing has changed, so that it can be tried again.
 */
export async function revokeIntegration(
  engine: Engine,
  who: Principal,
  connector: Connector,
  identifier: string,
): Promise<boolean> {
  const { keystore, now } = engine;
  const integration = findConnected(
    await readIntegrations(keystore, who, connector.name, now()),
    connector.name,
    identifier,
  );
  const stored = await keystore.read<Credential>(credentialKey(who, connector.name, integration.id));
  if (stored?.value.failure?.cause === 'revoked') return true;
  const isToldTo = stored !== undefined && (await revokeAccount(engine, who, connector, integration));
  await wipeCredential(keystore, who, integration, now());
  return isToldTo;
}

/**
 * Removes an account, after its tokens are ended at the provider where that can be. `revoked` is false where the
 * definition gives no way to, and the reason where the provider refused: the account is removed all the same.
 */
export async function disconnectAccount(
  engine: Engine,
  who: Principal,
  connector: Connector,
  identifier: string,
): Promise<{ readonly left: Integrations; readonly revoked: boolean | string }> {
  const { keystore, now } = engine;
  const { name } = connector;
  const integration = findIntegration(await readIntegrations(keystore, who, name, now()), name, identifier);
  const revoked = isPending(integration) ? false : await revokeOrSay(engine, who, connector, integration);
  return { left: await removeIntegration(keystore, who, name, identifier), revoked };
}

async function revokeOrSay(engine: Engine, who: Principal, connector: Connector, integration: Integration) {
  try {
    return await revokeAccount(engine, who, connector, integration);
  } catch (error) {
    if (!isTielineError(error)) throw error;
    return error.message;
  }
}
