import { BoundedMap, bound } from '../bounded.ts';
import { INTEGRATION_ARGUMENT, type Tool } from '../connector/action.ts';
import type { Engine } from '../execute/engine.ts';
import { hasScope, isAllowed } from '../execute/policy.ts';
import { readAllIntegrations } from '../integration/accounts.ts';
import { type Integrations, isServed } from '../integration/integration.ts';
import type { Principal } from '../integration/principal.ts';
import { accountTools } from './accounttools.ts';
import type { Extension } from './extension.ts';

const MOST_NAMES = 12;
const LISTS = bound({
  name: 'lists of tools, one for each set of scopes',
  entries: 64,
  bytes: 8 * 1024 * 1024,
  atBound: 'the list asked for longest ago is made again',
});
/** Of an entry: the tools themselves are there once, with the catalog. */
const BYTES_EACH = 64;

/** A tool of a list; `connector` where it has an argument that chooses among accounts. */
export type Listed = { readonly tool: Tool; readonly connector: string | undefined };

type Place = Pick<Engine, 'catalog' | 'policy'>;
type Lists = BoundedMap<readonly Listed[]>;

/** By catalog, policies and extension, none of which ever changes. */
const known = new WeakMap<Engine['catalog'], WeakMap<Engine['policy'], WeakMap<object, Lists>>>();
const NO_EXTENSION = {};

/**
 * The tools that the operator and these scopes allow, sorted by name. The same list each time: only whose accounts there
 * are is asked anew.
 */
export function allowedTools(place: Place, scopes: Principal['scopes'], extension?: Extension): readonly Listed[] {
  const { catalog, policy } = place;
  const byPolicy = kept(known, catalog, () => new WeakMap<Engine['policy'], WeakMap<object, Lists>>());
  const byExtension = kept(byPolicy, policy, () => new WeakMap<object, Lists>());
  const lists = kept(
    byExtension,
    extension ?? NO_EXTENSION,
    (): Lists => new BoundedMap(LISTS, (it) => BYTES_EACH * it.length),
  );
  const name = [...scopes].sort().join(' ');
  const found = lists.get(name);
  if (found) return found;
  const own = [...ofConnectors(place, scopes), ...accountTools(scopes).map((tool) => ({ tool, connector: undefined }))];
  const names = new Set(own.map((it) => it.tool.name));
  const others = extension?.tools.filter((it) => !names.has(it.name)) ?? [];
  const all = [...own, ...others.map((tool) => ({ tool, connector: undefined }))];
  all.sort((a, b) => (a.tool.name < b.tool.name ? -1 : 1));
  // There may be as many sets of scopes as clients.
  lists.set(name, all);
  return all;
}

function kept<Key extends WeakKey, Value>(map: WeakMap<Key, Value>, key: Key, make: () => Value): Value {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}

const ofConnectors = ({ catalog, policy }: Place, scopes: Principal['scopes']): Listed[] =>
  catalog.tools.flatMap((tool) => {
    const action = catalog.actionOfTool(tool.name);
    if (!action || !isAllowed(policy(action.connector), action) || !hasScope(scopes, action)) return [];
    return [{ tool, connector: action.connector }];
  });

export type AccountArgument = { readonly type: 'string'; readonly description: string };

const argumentsOf = new WeakMap<Integrations, AccountArgument>();

/** The argument that chooses an account, with those there are. */
export function accountArgument(all: Integrations | undefined): AccountArgument {
  const found = all && argumentsOf.get(all);
  if (found || !all) return found ?? INTEGRATION_ARGUMENT;
  const items = all.items.filter(isServed);
  const names = items
    .slice(0, MOST_NAMES)
    .map((it) => (it.id === all.default ? `${it.identifier} (default)` : it.identifier));
  const more = items.length > MOST_NAMES ? `, and ${items.length - MOST_NAMES} more` : '';
  const description = `Identifier of the account to use: ${names.join(', ')}${more}.`;
  const argument = items.length === 0 ? INTEGRATION_ARGUMENT : ({ type: 'string', description } as const);
  argumentsOf.set(all, argument);
  return argument;
}

/** The argument of each connector that the caller has accounts at. */
export async function accountArguments({ catalog, keystore }: Engine, who: Principal) {
  const names = catalog.connectors.map((it) => it.name);
  const all = await readAllIntegrations(keystore, who, names);
  const mine = new Map<string, AccountArgument>();
  for (const [name, integrations] of all) {
    const argument = accountArgument(integrations);
    if (argument !== INTEGRATION_ARGUMENT) mine.set(name, argument);
  }
  return mine;
}

/** The tool with another argument for the account, in the place of the usual one. */
export function withArgument(tool: Tool, integration: unknown): Tool {
  const properties = { ...(tool.inputSchema.properties as object), integration };
  return { ...tool, inputSchema: { ...tool.inputSchema, properties } as Tool['inputSchema'] };
}

/** The tools that `tools/list` gives this caller now, with the identifiers of their accounts named where one is chosen. */
export async function listTools(engine: Engine, who: Principal, extension?: Extension): Promise<readonly Tool[]> {
  const mine = await accountArguments(engine, who);
  return allowedTools(engine, who.scopes, extension).map(({ tool, connector }) => {
    const argument = connector === undefined ? undefined : mine.get(connector);
    return argument ? withArgument(tool, argument) : tool;
  });
}
