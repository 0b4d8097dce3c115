import type { Credential } from '../auth/credential.ts';
import { revokeTokens } from '../auth/revoke.ts';
import type { Connector } from '../connector/connector.ts';
import { loadSandbox, Scripts } from '../expression/sandbox.ts';
import { accountSecrets } from './accountsecrets.ts';
import type { Engine } from './engine.ts';
import { boundSend } from './reach.ts';
import { askOf } from './renew.ts';
import { type AccountParts, accountScope } from './scope.ts';

/**
 * Ends the tokens of a credential at its provider, whether it is stored or not. False when the definition gives no way
 * to. Throws what the provider's refusal means.
 */
export async function endTokens(
  { sender, now }: Pick<Engine, 'sender' | 'now'>,
  connector: Connector,
  parts: AccountParts,
  credential: Credential,
): Promise<boolean> {
  await loadSandbox();
  const { option, linked } = parts;
  const scope = accountScope(parts, credential);
  const secrets = accountSecrets({ connector, ...parts }, credential);
  const scripts = new Scripts({ functions: connector.functions, scrub: secrets.scrub });
  try {
    const send = boundSend(sender, { connector, scope, linked }, scripts, undefined);
    const ask = askOf(connector, send, scripts);
    const context = { connector: connector.name, option, scope, send, ask, scripts, now: now(), secrets };
    return await secrets.guard(() => revokeTokens(context));
  } finally {
    scripts.dispose();
  }
}
