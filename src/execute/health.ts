import type { Credential } from '../auth/credential.ts';
import { authType } from '../auth/types.ts';
import { credentialKey } from '../integration/accounts.ts';
import type { Integration } from '../integration/integration.ts';
import type { Principal } from '../integration/principal.ts';
import { type Status, statusOf } from '../integration/status.ts';
import { accountScope } from './account.ts';
import type { Engine } from './engine.ts';

/** How an account is, from what is stored: no provider is asked. Throws what the keystore throws. */
export async function accountStatus(engine: Engine, who: Principal, integration: Integration): Promise<Status> {
  const { connector: name } = integration;
  const stored = await engine.keystore.read<Credential>(credentialKey(who, name, integration.id));
  const option = engine.catalog.connector(name).options.get(integration.option);
  if (!option) {
    const cause = `${name} no longer has the auth option ${integration.option}`;
    return { status: 'reauth_required', cause, nextStep: `Connect the account again: tieline connect ${name}` };
  }
  const parts = { option, app: await engine.app(name), settings: integration.settings, facts: integration.account };
  const { renewal } = authType(option);
  const canRenew = stored !== undefined && renewal?.isPossible(option, accountScope(parts, stored.value)) === true;
  return statusOf(integration, stored?.value, { now: engine.now(), canRenew });
}
