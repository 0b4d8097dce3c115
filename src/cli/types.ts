import { readConfig } from '../config.ts';
import { type Catalog, loadCatalog } from '../connector/catalog.ts';
import type { Connector } from '../connector/connector.ts';
import { openCatalog, shippedConnectors } from './open.ts';
import { print } from './output.ts';
import { comment, key, schemaType } from './schematype.ts';

/**
 * `tieline connectors types [name...]`: declarations for `import … from 'tieline'` that let the compiler check entities,
 * actions and parameters. With `shipped` those of the connectors that come with the package, as its build needs them.
 */
export async function types(names: readonly string[], { shipped }: { readonly shipped?: boolean }): Promise<void> {
  const catalog = await (shipped ? shippedCatalog() : openCatalog(await readConfig(process.env)));
  const connectors = names.length === 0 ? catalog.connectors : names.map((it) => catalog.connector(it));
  print(shipped ? packageDeclaration(connectors) : declaration(connectors), false, (text) => text.trimEnd());
}

/** Whatever the configuration of this machine says. */
const shippedCatalog = (): Promise<Catalog> => loadCatalog({ folders: [shippedConnectors], enabled: 'all', named: [] });

/** A file to put beside the sources of a program. Pure. */
const declaration = (connectors: readonly Connector[]): string =>
  `// Made by: tieline connectors types\nimport 'tieline';\n\n${augmentation('tieline', 'Connectors', connectors)}`;

/** What `types` of the package points at. Pure. */
const packageDeclaration = (connectors: readonly Connector[]): string =>
  `export * from './index.js';\n\n${augmentation('./sdk/catalog.js', 'ShippedConnectors', connectors)}`;

function augmentation(module: string, name: string, connectors: readonly Connector[]): string {
  const members = connectors.map((it) => `${comment(it.summary, '    ')}    ${key(it.name)}: ${entitiesType(it)};\n`);
  return `declare module '${module}' {\n  interface ${name} {\n${members.join('')}  }\n}\n`;
}

function entitiesType({ definition, actions }: Connector): string {
  const entities = new Map<string, string[]>(Object.keys(definition.entities).map((it) => [it, []]));
  for (const action of actions) {
    const type = schemaType(action.args, '        ');
    for (const pair of [`${action.entity}.${action.name}`, ...action.spec.aliases]) {
      const [entity = '', name = ''] = pair.split('.');
      const there = entities.get(entity) ?? [];
      entities.set(entity, there);
      there.push(`${comment(action.spec.summary, '        ')}        ${key(name)}: ${type};\n`);
    }
  }
  const members = [...entities].map(([entity, found]) => `      ${key(entity)}: {\n${found.join('')}      };\n`);
  return `{\n${members.join('')}    }`;
}
