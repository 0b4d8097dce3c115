import { INTEGRATION_ARGUMENT, type Tool } from '../connector/action.ts';
import type { Catalog } from '../connector/catalog.ts';
import { isAllowed, type Policy } from '../execute/policy.ts';
import type { Integrations } from '../integration/integration.ts';
import type { Principal } from '../integration/principal.ts';

const MOST_NAMES = 12;

/**
 * The tools one caller sees: those the operator and the caller's scopes allow, sorted by name, with the identifiers
 * of the caller's accounts named where one can be chosen. Pure: it depends on nothing else.
 */
export function toolList(
  catalog: Catalog,
  who: Principal,
  integrations: ReadonlyMap<string, Integrations>,
  policy: (connector: string) => Policy,
): readonly Tool[] {
  const argument = new Map(catalog.connectors.map((it) => [it.name, integrationArgument(integrations.get(it.name))]));
  return catalog.tools.flatMap((tool) => {
    const action = catalog.actionOfTool(tool.name);
    if (!action || !isAllowed(policy(action.connector), action)) return [];
    if (!who.scopes.has(action.spec.effect === 'read' ? 'read' : 'write')) return [];
    const integration = argument.get(action.connector);
    if (integration === INTEGRATION_ARGUMENT) return [tool];
    const properties = { ...(tool.inputSchema.properties as object), integration };
    return [{ ...tool, inputSchema: { ...tool.inputSchema, properties } as Tool['inputSchema'] }];
  });
}

/** The argument that chooses an account, with those there are. */
function integrationArgument(all: Integrations | undefined): { type: 'string'; description: string } {
  if (!all || all.items.length === 0) return INTEGRATION_ARGUMENT;
  const names = all.items
    .slice(0, MOST_NAMES)
    .map((it) => (it.id === all.default ? `${it.identifier} (default)` : it.identifier));
  const more = all.items.length > MOST_NAMES ? `, and ${all.items.length - MOST_NAMES} more` : '';
  return { type: 'string', description: `Identifier of the account to use: ${names.join(', ')}${more}.` };
}
