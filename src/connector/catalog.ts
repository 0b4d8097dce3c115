import { basename, dirname } from 'node:path';
import { isTielineError, TielineError } from '../errors.ts';
import { shortened } from '../quoted.ts';
import { type Action, LONGEST_TOOL_NAME, RESERVED_CONNECTOR, type Tool } from './action.ts';
import { readChecked } from './compiled.ts';
import { buildConnector, type Connector } from './connector.ts';
import { definitionFiles } from './files.ts';
import { nearest } from './problem.ts';

/** All enabled connectors at one moment. Never changes; a new one replaces it. */
export type Catalog = {
  /** Sorted by name. */
  readonly connectors: readonly Connector[];
  /** Sorted by name, which is the order `tools/list` gives. */
  readonly tools: readonly Tool[];
  /** Throws `connector_unknown`. */
  connector(name: string): Connector;
  /** The action behind a tool name, or undefined. */
  actionOfTool(tool: string): Action | undefined;
};

/** Builds a catalog. Throws `definition_invalid` when two tools would have one name, or a name is too long. */
export function buildCatalog(connectors: readonly Connector[]): Catalog {
  const parts = noParts();
  for (const connector of connectors) add(parts, connector);
  return catalogOf(parts);
}

type Parts = { readonly byName: Map<string, Connector>; readonly byTool: Map<string, Action> };

const noParts = (): Parts => ({ byName: new Map(), byTool: new Map() });

/** Adds a connector, or throws and adds nothing of it. */
function add({ byName, byTool }: Parts, connector: Connector): void {
  const twin = byName.get(connector.name);
  if (twin) {
    throw new TielineError('definition_invalid', `${twin.file} and ${connector.file} both define ${connector.name}`, {
      hint: 'Rename one of them, or take its folder out of TIELINE_CONNECTORS.',
    });
  }
  if (connector.name === RESERVED_CONNECTOR) {
    throw new TielineError('definition_invalid', `${connector.file}: the name ${connector.name} is reserved`, {
      hint: 'Rename the connector: its tools would be taken for those that manage accounts.',
    });
  }
  const own = new Map<string, Action>();
  for (const action of connector.actions) {
    const { name } = action.tool;
    const where = `${connector.file}: ${action.entity}.${action.name}`;
    if (name.length > LONGEST_TOOL_NAME) {
      throw new TielineError('definition_invalid', `${where}: tool name ${name} is longer than ${LONGEST_TOOL_NAME}`);
    }
    const other = byTool.get(name) ?? own.get(name);
    if (other) {
      const pair = `${other.connector} ${other.entity}.${other.name}`;
      throw new TielineError('definition_invalid', `${where}: tool name ${name} is taken by ${pair}`);
    }
    own.set(name, action);
  }
  byName.set(connector.name, connector);
  for (const [name, action] of own) byTool.set(name, action);
}

function catalogOf({ byName, byTool }: Parts): Catalog {
  const sorted = [...byName.values()].sort((a, b) => compare(a.name, b.name));
  const tools = [...byTool.values()].map((it) => it.tool).sort((a, b) => compare(a.name, b.name));
  return Object.freeze({
    connectors: Object.freeze(sorted),
    tools: Object.freeze(tools),
    connector: (name: string) => byName.get(name) ?? unknownConnector(name, [...byName.keys()]),
    actionOfTool: (tool: string) => byTool.get(tool),
  });
}

export type CatalogSource = {
  readonly folders: readonly string[];
  /** Which connectors are on; by default all that are not opt-in, and those of `named`. */
  readonly enabled?: readonly string[] | 'all' | undefined;
  readonly named?: readonly string[];
};

/** Reads the enabled definitions of some folders. A broken one ends the load, unless `onProblem` takes its error. */
export async function loadCatalog(source: CatalogSource, onProblem?: (error: TielineError) => void): Promise<Catalog> {
  const parts = noParts();
  const broken = new Set<string>();
  for (const file of await definitionFiles(source.folders)) {
    try {
      const connector = buildConnector(await readChecked(file));
      if (isOn(source, connector)) add(parts, connector);
    } catch (error) {
      if (!onProblem || !isTielineError(error)) throw error;
      broken.add(basename(dirname(file)));
      onProblem(error);
    }
  }
  for (const name of source.enabled === 'all' ? [] : (source.enabled ?? source.named ?? [])) {
    if (parts.byName.has(name) || broken.has(name)) continue;
    const error = new TielineError(
      'config_invalid',
      `the configuration turns on ${name}, but there is no such connector`,
      {
        hint: 'List the connectors there are with: tieline connectors list --all',
      },
    );
    if (!onProblem) throw error;
    onProblem(error);
  }
  return catalogOf(parts);
}

function isOn({ enabled, named = [] }: CatalogSource, connector: Connector): boolean {
  if (enabled === 'all') return true;
  return enabled ? enabled.includes(connector.name) : !connector.optIn || named.includes(connector.name);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function unknownConnector(name: string, there: readonly string[]): never {
  const near = nearest(name, there);
  throw new TielineError('connector_unknown', `there is no connector ${shortened(name)}`, {
    hint: near ? `Did you mean ${near}?` : `Use one of: ${[...there].sort().join(', ')}`,
  });
}
