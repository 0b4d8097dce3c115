import { INTEGRATION_ARGUMENT, type Tool } from '../connector/action.ts';
import type { Catalog } from '../connector/catalog.ts';
import { isAllowed, neededScope, type Policy } from '../execute/policy.ts';
import { type Integrations, isServed } from '../integration/integration.ts';
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
  return allowedTools(catalog, who.scopes, policy).map(({ connector, tool }) => {
    const integration = argument.get(connector);
    if (integration === INTEGRATION_ARGUMENT) return tool;
    const properties = { ...(tool.inputSchema.properties as object), integration };
    return { ...tool, inputSchema: { ...tool.inputSchema, properties } as Tool['inputSchema'] };
  });
}

type Allowed = readonly { readonly connector: string; readonly tool: Tool }[];
type Policies = (connector: string) => Policy;

/** By catalog, policies and scopes, none of which ever changes: only whose accounts there are is asked each time. */
const known = new WeakMap<Catalog, WeakMap<Policies, Map<string, Allowed>>>();

function allowedTools(catalog: Catalog, scopes: Principal['scopes'], policy: Policies): Allowed {
  const ofCatalog = known.get(catalog) ?? new WeakMap<Policies, Map<string, Allowed>>();
  known.set(catalog, ofCatalog);
  const ofPolicy = ofCatalog.get(policy) ?? new Map<string, Allowed>();
  ofCatalog.set(policy, ofPolicy);
  const name = [...scopes].sort().join(' ');
  const found = ofPolicy.get(name);
  if (found) return found;
  const allowed = catalog.tools.flatMap((tool) => {
    const action = catalog.actionOfTool(tool.name);
    if (!action || !isAllowed(policy(action.connector), action) || !scopes.has(neededScope(action))) return [];
    return [{ connector: action.connector, tool }];
  });
  ofPolicy.set(name, allowed);
  return allowed;
}

/** The argument that chooses an account, with those there are. */
function integrationArgument(all: Integrations | undefined): { type: 'string'; description: string } {
  const items = all?.items.filter(isServed) ?? [];
  if (!all || items.length === 0) return INTEGRATION_ARGUMENT;
  const names = items
    .slice(0, MOST_NAMES)
    .map((it) => (it.id === all.default ? `${it.identifier} (default)` : it.identifier));
  const more = items.length > MOST_NAMES ? `, and ${items.length - MOST_NAMES} more` : '';
  return { type: 'string', description: `Identifier of the account to use: ${names.join(', ')}${more}.` };
}
