import type { Credential } from '../auth/credential.ts';
import { refreshLeaseKey } from '../auth/saving.ts';
import { renewalFor } from '../auth/types.ts';
import { isTielineError } from '../errors.ts';
import { loadSandbox } from '../expression/sandbox.ts';
import { credentialKey } from '../integration/accounts.ts';
import type { Integration } from '../integration/integration.ts';
import type { Principal } from '../integration/principal.ts';
import { pausedStatus, renewingStatus, type Status, statusOf } from '../integration/status.ts';
import { openAccount } from './account.ts';
import { testAccount } from './connect.ts';
import type { Engine } from './engine.ts';
import { targetOf } from './proxy.ts';
import { accountScope } from './scope.ts';
import { probeSql } from './sql.ts';
import { accountOptions } from './stored.ts';

/** How an account is, from what is stored: no provider is asked. Throws what the keystore throws. */
export async function accountStatus(engine: Engine, who: Principal, integration: Integration): Promise<Status> {
  const { connector: name } = integration;
  const paused = pausedStatus(integration);
  if (paused) return paused;
  const stored = await engine.keystore.read<Credential>(credentialKey(who, name, integration.id));
  const option = engine.catalog.connector(name).options.get(integration.option);
  if (!option) {
    const cause = `${name} no longer has the auth option ${integration.option}`;
    return { status: 'reauth_required', cause, nextStep: `Connect the account again: tieline connect ${name}` };
  }
  if (option.spec.type === 'proxy') return targetStatus(engine, who, integration, option.spec.connector, stored?.value);
  const parts = {
    option,
    app: await engine.app(name, who.organization),
    settings: integration.settings,
    facts: integration.account,
    linked: integration.reach,
  };
  const renewal = renewalFor(option);
  const canRenew = stored !== undefined && renewal?.isPossible(option, accountScope(parts, stored.value)) === true;
  const status = statusOf(integration, stored?.value, { now: engine.now(), canRenew });
  const { attemptAt, trouble, failure } = stored?.value ?? {};
  if (attemptAt === undefined || trouble || failure) return status;
  const lease = refreshLeaseKey(credentialKey(who, name, integration.id));
  return renewingStatus(status, attemptAt, await engine.keystore.leaseHolder(lease));
}

/** An account that acts in place of another is as that one is. */
async function targetStatus(
  engine: Engine,
  who: Principal,
  integration: Integration,
  connector: string,
  own: Credential | undefined,
): Promise<Status> {
  try {
    const target = await targetOf(engine, who, integration, connector, own?.input.integration);
    return await accountStatus(engine, who, target.integration);
  } catch (error) {
    if (!isTielineError(error)) throw error;
    const status = error.code === 'reauthorization_required' ? 'reauth_required' : 'error';
    return { status, cause: error.message, ...(error.hint !== undefined && { nextStep: error.hint }) };
  }
}

/**
 * Tries the stored credentials of an account at its provider; false where the connector has no way to tell, and no more
 * than a token was got. Throws what a call would throw.
 */
export async function testIntegration(engine: Engine, who: Principal, integration: Integration): Promise<boolean> {
  await loadSandbox();
  const connector = engine.catalog.connector(integration.connector);
  const options = await accountOptions(engine, who, connector, integration);
  const account = openAccount(options);
  try {
    return await account.secrets.guard(async () => {
      if (connector.transport === 'sql') {
        await probeSql(engine.sql, account, connector);
        return true;
      }
      await account.ready(); // a token that has to be got first is got, also where nothing is asked with it
      return testAccount(account, connector, options.option);
    });
  } finally {
    account.dispose();
  }
}
