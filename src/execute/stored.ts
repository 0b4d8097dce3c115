import { isDeepStrictEqual } from 'node:util';
import { type Credential, isDue } from '../auth/credential.ts';
import { freshCredential } from '../auth/fresh.ts';
import { renewalFor } from '../auth/types.ts';
import type { Connector } from '../connector/connector.ts';
import type { Values } from '../connector/values.ts';
import { TielineError } from '../errors.ts';
import { credentialKey, mergeAccount, readIntegrations } from '../integration/accounts.ts';
import { connectCommand } from '../integration/command.ts';
import type { Integration } from '../integration/integration.ts';
import type { Principal } from '../integration/principal.ts';
import type { AccountOptions } from './account.ts';
import { accountSecrets } from './accountsecrets.ts';
import { endTokens } from './endtokens.ts';
import type { Engine } from './engine.ts';
import { shownFacts } from './identity.ts';
import { delegateOf } from './proxy.ts';
import { renewCredential } from './renew.ts';
import { accountScope } from './scope.ts';
import { vouchedUser } from './vouch.ts';

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
  const opened = now();
  const parts = {
    option,
    app: await engine.app(connector.name, who.organization),
    settings: integration.settings,
    facts: integration.account,
    linked: integration.reach,
  };
  const renewal = renewalFor(option);
  let found: Values | undefined;
  return Object.assign(parts, {
    connector,
    id: integration.id,
    sender,
    now,
    signal,
    user: vouchedUser(engine, who),
    delegate: delegateOf(engine, who, integration, option, (other, it) =>
      accountOptions(engine, who, other, it, signal),
    ),
    credentials: async (rejectedVersion?: number): Promise<Credential> => {
      const credential = await freshCredential({
        keystore,
        key: credentialKey(who, connector.name, integration.id),
        now,
        rejectedVersion,
        isMissing: (it) => renewal?.isMissing(accountScope(parts, it)) ?? false,
        renew: async (it) => {
          const scope = accountScope(parts, it);
          if (!renewal?.isPossible(option, scope)) throw cannotRenew(connector, integration, isDue(it, now()));
          const granted = await renewCredential({ ...parts, connector, sender, now }, it);
          const values = { ...it.values, ...granted.values };
          const secrets = accountSecrets({ connector, ...parts }, { input: it.input, values });
          found = newFacts(connector, integration, granted.facts && shownFacts(granted.facts, secrets));
          return granted;
        },
        spool: engine.spool,
        discard: (it) => endTokens(engine, connector, parts, it),
        onSaved: async () => {
          if (found) await mergeAccount(keystore, who, integration, found);
        },
      });
      if (engine.onCredential) await engine.onCredential(credential);
      // Somebody has refreshed it since the account was read, and may have been told more about it.
      if (credential.obtainedAt >= opened) {
        const { items } = await readIntegrations(keystore, who, connector.name, now());
        parts.facts = items.find((it) => it.id === integration.id)?.account ?? parts.facts;
      }
      return credential;
    },
  });
}

/**
 * What a refresh tells about the account that was not known; undefined when nothing. Throws `reauthorization_required`
 * for tokens of another account: who it is, a connect has found out, and no refresh changes it.
 */
function newFacts(connector: Connector, { identifier, account }: Integration, given: Values = {}): Values | undefined {
  const { key, ...facts } = given;
  if (key !== undefined && account.key !== undefined && key !== account.key) {
    const message = `${connector.name} answered the refresh of ${identifier} with tokens of another account`;
    throw new TielineError('reauthorization_required', message, {
      hint: `Connect the account again: ${connectCommand({ connector: connector.name, identifier })} --reconnect`,
    });
  }
  const changed = Object.entries(facts).filter(([name, value]) => !isDeepStrictEqual(value, account[name]));
  return changed.length === 0 ? undefined : Object.fromEntries(changed);
}

function cannotRenew(connector: Connector, integration: Integration, isOver: boolean): TielineError {
  const why = isOver ? 'has run out' : 'is no longer accepted';
  return new TielineError('token_rejected', `the access of ${connector.name} ${integration.identifier} ${why}`, {
    hint: `Connect the account again: tieline connect ${connector.name}`,
  });
}
