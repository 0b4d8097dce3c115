import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readChecked } from '../connector/compiled.ts';
import { buildConnector, type Connector } from '../connector/connector.ts';
import { nearest } from '../connector/problem.ts';
import { TielineError } from '../errors.ts';
import { packageFolder } from '../package.ts';

/** The definitions that come with the package. */
const shipped = join(packageFolder, 'connectors');

/** A shipped connector, or the one of a file or folder. Throws `connector_unknown`, `definition_invalid`. */
export async function openDefinition(name: string, path: string | undefined): Promise<Connector> {
  const connector = buildConnector(await readChecked(await fileOf(name, path)));
  if (connector.name === name) return connector;
  throw new TielineError('connector_unknown', `${path} defines ${connector.name}, not ${name}`, {
    hint: `Ask for connector('${connector.name}', …).`,
  });
}

async function fileOf(name: string, path: string | undefined): Promise<string> {
  if (path !== undefined) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile()) return path;
    const inside = join(path, 'connector.yaml');
    if (existsSync(inside)) return inside;
    throw new TielineError('connector_unknown', `there is no connector.yaml at ${path}`, {
      hint: 'Give the file or its folder.',
    });
  }
  const names = (await readdir(shipped)).filter((it) => existsSync(join(shipped, it, 'connector.yaml')));
  // Only a name that is listed: others would lead out of the folder.
  if (names.includes(name)) return join(shipped, name, 'connector.yaml');
  const near = nearest(name, names);
  throw new TielineError('connector_unknown', `no connector ${name} comes with Tieline`, {
    hint: near ? `Did you mean ${near}?` : `Use one of: ${names.sort().join(', ')}; or give definition.`,
  });
}
