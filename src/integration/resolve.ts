import { TielineError } from '../errors.ts';
import type { Integration, Integrations } from './integration.ts';

/**
 * Which account serves a call: the one named, else the default. A name that is not there fails; there is no
 * fall-back to another account, ever.
 *
 * Throws `integration_required` when the user has none at the connector and `integration_unknown` for a wrong name.
 */
export function resolveIntegration(all: Integrations, connector: string, identifier?: string): Integration {
  if (identifier !== undefined) {
    const named = all.items.find((it) => it.identifier === identifier.normalize('NFC'));
    if (named) return named;
    const there = all.items.map((it) => it.identifier);
    throw new TielineError('integration_unknown', `${connector} has no integration ${JSON.stringify(identifier)}`, {
      hint: there.length > 0 ? `Use one of: ${there.join(', ')}` : connectHint(connector),
    });
  }
  const chosen = all.items.find((it) => it.id === all.default);
  if (chosen) return chosen;
  throw new TielineError('integration_required', `no ${connector} account is connected yet`, {
    hint: connectHint(connector),
  });
}

const connectHint = (connector: string): string =>
  `Ask the user to connect an account in a terminal with: tieline connect ${connector}`;
