import type { Credential } from '../auth/credential.ts';
import { readCredential } from '../auth/fresh.ts';
import { revokeTokens } from '../auth/revoke.ts';
import type { Connector } from '../connector/connector.ts';
import { loadSandbox, Scripts } from '../expression/sandbox.ts';
import { credentialKey, readIntegrations, wipeCredential } from '../integration/accounts.ts';
import type { Integration } from '../integration/integration.ts';
import type { Principal } from '../integration/principal.ts';
import { findConnected } from '../integration/resolve.ts';
import type { Engine } from './engine.ts';
import { boundSend } from './reach.ts';
import { askOf } from './renew.ts';
import { accountScope } from './scope.ts';
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
  await loadSandbox();
  const options = await accountOptions(engine, who, connector, integration);
  const credential = await readCredential(engine.keystore, credentialKey(who, connector.name, integration.id));
  const scope = accountScope(options, credential);
  const scripts = new Scripts({ functions: connector.functions });
  try {
    const { option, sender, now } = options;
    const send = boundSend(sender, connector, scope, scripts, undefined);
    const ask = askOf(connector, send, scripts);
    return await revokeTokens({ connector: connector.name, option, scope, send, ask, scripts, now: now() });
  } finally {
    scripts.dispose();
  }
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
