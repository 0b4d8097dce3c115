import { isDue } from '../auth/credential.ts';
import { freshCredential } from '../auth/fresh.ts';
import { renewalFor } from '../auth/types.ts';
import type { Connector } from '../connector/connector.ts';
import { TielineError } from '../errors.ts';
import { credentialKey } from '../integration/accounts.ts';
import type { Integration } from '../integration/integration.ts';
import type { Principal } from '../integration/principal.ts';
import { type AccountOptions, accountScope } from './account.ts';
import type { Engine } from './engine.ts';
import { renewCredential } from './renew.ts';

/** The stored account that a call runs as, with its credential read and refreshed lazily. */
export async function accountOptions(
  engine: Engine,
  who: Principal,
  connector: Connector,
  integration: Integration,
  signal?: AbortSignal,
): Promise<AccountOptions> {
  const option = connector.options.get(integration.option);
  if (!option) {
    throw new TielineError(
      'reauthorization_required',
      `${connector.name} no longer has the auth option ${integration.option}`,
      {
        hint: `Connect the account again: tieline connect ${connector.name}`,
      },
    );
  }
  const { keystore, sender, now } = engine;
  const parts = {
    option,
    app: await engine.app(connector.name),
    settings: integration.settings,
    facts: integration.account,
  };
  const renewal = renewalFor(option);
  return {
    ...parts,
    connector,
    sender,
    now,
    signal,
    credentials: (rejectedVersion?: number) =>
      freshCredential({
        keystore,
        key: credentialKey(who, connector.name, integration.id),
        now,
        rejectedVersion,
        isMissing: (it) => renewal?.isMissing(accountScope(parts, it)) ?? false,
        renew: async (it) => {
          const scope = accountScope(parts, it);
          if (!renewal?.isPossible(option, scope)) throw cannotRenew(connector, integration, isDue(it, now()));
          return renewCredential({ ...parts, connector, sender, now }, it);
        },
      }),
  };
}

function cannotRenew(connector: Connector, integration: Integration, isOver: boolean): TielineError {
  const why = isOver ? 'has run out' : 'is no longer accepted';
  return new TielineError('token_rejected', `the access of ${connector.name} ${integration.identifier} ${why}`, {
    hint: `Connect the account again: tieline connect ${connector.name}`,
  });
}
