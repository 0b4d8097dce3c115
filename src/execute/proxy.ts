import type { AuthOption, Connector } from '../connector/connector.ts';
import type { Values } from '../connector/values.ts';
import { isTielineError, TielineError } from '../errors.ts';
import { readIntegrations } from '../integration/accounts.ts';
import { connectCommand } from '../integration/command.ts';
import type { Integration } from '../integration/integration.ts';
import type { Principal } from '../integration/principal.ts';
import { resolveIntegration } from '../integration/resolve.ts';
import type { AccountOptions } from './account.ts';
import type { Engine } from './engine.ts';

/** The account of another connector that authenticates in place of one with a `proxy` option. */
export type Target = { readonly connector: Connector; readonly integration: Integration };

/** The account that has the option; without an identifier while it is being connected. */
type Own = { readonly connector: string; readonly identifier?: string | undefined };

/**
 * What the user typed, with the id of the account they mean in place of its identifier: a later rename or another
 * default does not switch accounts. Throws what `resolveIntegration` does, for their own accounts and no others.
 */
export async function withTarget(
  engine: Engine,
  who: Principal,
  connector: Connector,
  { spec }: AuthOption,
  input: Values,
): Promise<Values> {
  if (spec.type !== 'proxy') return input;
  const target = targetConnector(engine, connector.name, spec.connector);
  const all = await readIntegrations(engine.keystore, who, target.name, engine.now());
  const named = typeof input.integration === 'string' ? input.integration : undefined;
  const integration = resolveIntegration(all, target.name, named);
  if (isIndirect({ connector: target, integration })) {
    const hint = `Choose an account of ${target.name} that has credentials of its own.`;
    throw new TielineError('arguments_invalid', indirect(connector.name, integration), { hint });
  }
  return { ...input, integration: integration.id };
}

/** The account with this id, whatever state it is in. Throws `reauthorization_required` when the user has none. */
export async function targetOf(
  engine: Engine,
  who: Principal,
  own: Own,
  targetName: string,
  id: unknown,
): Promise<Target> {
  const target = targetConnector(engine, own.connector, targetName);
  const { items } = await readIntegrations(engine.keystore, who, target.name, engine.now());
  const integration = items.find((it) => it.id === id);
  if (!integration) {
    const message = `the ${target.name} account that ${own.connector} used is no longer there`;
    throw new TielineError('reauthorization_required', message, { hint: again(own) });
  }
  if (isIndirect({ connector: target, integration })) {
    const hint = `${again(own)}, with an account of ${target.name} that has credentials of its own.`;
    throw new TielineError('reauthorization_required', indirect(own.connector, integration), { hint });
  }
  return { connector: target, integration };
}

type Open = (connector: Connector, integration: Integration) => Promise<AccountOptions>;

/** What opens the account in place of which one with a `proxy` option acts; undefined for the other options. */
export function delegateOf(
  engine: Engine,
  who: Principal,
  own: Own,
  { spec }: AuthOption,
  open: Open,
): AccountOptions['delegate'] {
  if (spec.type !== 'proxy') return undefined;
  return async ({ input }) => {
    const target = await targetOf(engine, who, own, spec.connector, input.integration);
    const { integration } = target;
    // Says so where it is disabled, or still to be connected.
    resolveIntegration({ items: [integration], default: null }, integration.connector, integration.identifier);
    const options = await open(target.connector, integration);
    return { ...options, credentials: (rejected) => options.credentials(rejected).catch(namedAfter(integration)) };
  };
}

/** It is the other account that has to be connected again. */
const namedAfter =
  (integration: Integration) =>
  (error: unknown): never => {
    if (!isTielineError(error) || error.code !== 'reauthorization_required') throw error;
    const { connector, identifier } = integration;
    throw new TielineError(error.code, `${connector} ${identifier}: ${error.message}`, {
      hint: `Connect that account again: ${connectCommand(integration)} --reconnect`,
      cause: error,
    });
  };

function targetConnector({ catalog }: Engine, own: string, target: string): Connector {
  const found = catalog.connectors.find((it) => it.name === target);
  if (found) return found;
  throw new TielineError('config_invalid', `${own} uses accounts of ${target}, and there is no connector ${target}`, {
    hint: `Turn on ${target} in config.yaml, or put its definition into TIELINE_CONNECTORS.`,
  });
}

/** One step, not more: who in the end sees the requests must be plain from two definitions. */
const isIndirect = ({ connector, integration }: Target): boolean =>
  connector.options.get(integration.option)?.spec.type === 'proxy';

const indirect = (own: string, { connector, identifier }: Integration): string =>
  `${connector} ${identifier} uses another account itself, so ${own} cannot use it`;

function again({ connector, identifier }: Own): string {
  const command =
    identifier === undefined
      ? `tieline connect ${connector}`
      : `${connectCommand({ connector, identifier })} --reconnect`;
  return `Connect the account again: ${command}`;
}
