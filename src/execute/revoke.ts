import { readCredential } from '../auth/fresh.ts';
import { revokeTokens } from '../auth/revoke.ts';
import type { Connector } from '../connector/connector.ts';
import { loadSandbox, Scripts } from '../expression/sandbox.ts';
import { credentialKey } from '../integration/accounts.ts';
import type { Integration } from '../integration/integration.ts';
import type { Principal } from '../integration/principal.ts';
import { accountScope, boundSend } from './account.ts';
import type { Engine } from './engine.ts';
import { askOf } from './renew.ts';
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
