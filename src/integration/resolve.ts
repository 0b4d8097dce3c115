import { TielineError } from '../errors.ts';
import { quoted } from '../quoted.ts';
import { connectCommand, integrationsCommand } from './command.ts';
import { type Integration, type Integrations, indexOf, isPending } from './integration.ts';

/** The account of that name, however it is. Throws `integration_unknown`. */
export function findIntegration(all: Integrations, connector: string, identifier: string): Integration {
  const named = indexOf(all).byIdentifier.get(identifier.normalize('NFC'));
  if (named) return named;
  const there = all.items.map((it) => it.identifier);
  throw new TielineError('integration_unknown', `${connector} has no integration ${quoted(identifier)}`, {
    hint: there.length > 0 ? `Use one of: ${there.join(', ')}` : connectHint(connector),
  });
}

/** The account of that name once it is connected. Throws `integration_unknown`, or `integration_required` before. */
export function findConnected(all: Integrations, connector: string, identifier: string): Integration {
  const named = findIntegration(all, connector, identifier);
  if (isPending(named)) throw unfinished(named);
  return named;
}

/**
 * Which account serves a call: the one named, else the default. A name that is not there fails, and so does one that
 * is disabled; there is no fall-back to another account, ever.
 *
 * Throws `integration_required` when the user has none at the connector or has not finished connecting it,
 * `integration_unknown` for a wrong name and `integration_disabled`.
 */
export function resolveIntegration(all: Integrations, connector: string, identifier?: string): Integration {
  const chosen = identifier === undefined ? defaultOf(all, connector) : findConnected(all, connector, identifier);
  if (chosen.disabledAt === undefined) return chosen;
  throw new TielineError('integration_disabled', `${connector} ${chosen.identifier} is disabled`, {
    hint: `Ask the user to enable it in a terminal with: ${integrationsCommand('enable', chosen)}`,
  });
}

function defaultOf(all: Integrations, connector: string): Integration {
  const chosen = all.default === null ? undefined : indexOf(all).byId.get(all.default);
  if (chosen) return chosen;
  const waiting = all.items.find(isPending);
  if (waiting) throw unfinished(waiting);
  throw new TielineError('integration_required', `no ${connector} account is connected yet`, {
    hint: connectHint(connector),
  });
}

const unfinished = (it: Integration): TielineError =>
  new TielineError('integration_required', `nobody has finished connecting ${it.connector} ${it.identifier} yet`, {
    hint: `Ask the user to finish connecting it in a terminal with: ${connectCommand(it)}`,
  });

const connectHint = (connector: string): string =>
  `Ask the user to connect an account in a terminal with: tieline connect ${connector}`;
