import { inputSchema } from '../auth/types.ts';
import { readConfig } from '../config.ts';
import type { Catalog } from '../connector/catalog.ts';
import type { Connector } from '../connector/connector.ts';
import { formOf } from '../connector/schema.ts';
import type { JsonSchema } from '../connector/values.ts';
import { openCatalog } from './open.ts';
import { print, table } from './output.ts';

type Options = { readonly json?: boolean; readonly all?: boolean };

/** `tieline connectors list` */
export async function list({ json, all }: Options): Promise<void> {
  const config = await readConfig(process.env);
  const catalog = await openCatalog(all ? { ...config, enabled: 'all' } : config);
  const rows = catalog.connectors.map((it) => {
    const { name, title, version, summary } = it;
    return { name, title, version, tools: it.actions.length, options: [...it.options.keys()], summary };
  });
  print(rows, json, () =>
    table(
      ['CONNECTOR', 'TOOLS', 'CONNECT BY', 'WHAT'],
      rows.map((it) => [it.name, String(it.tools), it.options.join(', '), it.summary]),
    ),
  );
}

/** `tieline connectors show <name>` */
export async function show(name: string, { json }: Options): Promise<void> {
  print(describe((await everyConnector()).connector(name)), json, render);
}

/** All connectors there are, whether they are on or not. */
export async function everyConnector(): Promise<Catalog> {
  return openCatalog({ ...(await readConfig(process.env)), enabled: 'all' });
}

function describe(connector: Connector) {
  const { name, title, version, summary, settings } = connector;
  return {
    name,
    title,
    version,
    summary,
    options: [...connector.options.values()].map((it) => ({
      key: it.key,
      type: it.spec.type,
      title: it.spec.title,
      schema: inputSchema(it),
      isDefault: it === connector.defaultOption,
    })),
    settings,
    app: connector.definition.app?.schema,
    actions: connector.actions.map((it) => ({
      entity: it.entity,
      action: it.name,
      aliases: it.spec.aliases,
      tool: it.tool.name,
      effect: it.spec.effect,
      destructive: it.spec.destructive,
      summary: it.spec.summary,
      params: it.params,
    })),
  };
}

function render(it: ReturnType<typeof describe>): string {
  return [
    `${it.title} ${it.version}: ${it.summary}`,
    '',
    'Connect by:',
    ...it.options.map((option) => {
      const asks = usage(option.schema);
      return `  ${option.key}${option.isDefault ? ' (default)' : ''}: ${option.title}${asks && `, asks for ${asks}`}`;
    }),
    ...(it.settings ? ['', `Settings: ${usage(it.settings)}`] : []),
    '',
    'Actions:',
    ...it.actions.flatMap((action) => [
      `  ${`${action.entity} ${action.action} ${usage(action.params)}`.trim()}`,
      `      ${action.destructive ? `${action.effect}, destructive` : action.effect}: ${action.summary}`,
    ]),
  ].join('\n');
}

/** The fields of a schema as usage lines write them: `<required> [optional]`. */
function usage(schema: JsonSchema): string {
  const { fields, required } = formOf(schema);
  return Object.keys(fields)
    .map((name) => (required.includes(name) ? `<${name}>` : `[${name}]`))
    .join(' ');
}
