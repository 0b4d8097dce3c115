import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '../config.ts';
import { buildCatalog } from '../connector/catalog.ts';
import { buildConnector, type Connector } from '../connector/connector.ts';
import { definitionFiles } from '../connector/files.ts';
import { lint as lintDefinition } from '../connector/lint.ts';
import { type Loaded, readDefinitionFile } from '../connector/load.ts';
import { at, formatProblem, type Problem } from '../connector/problem.ts';
import { lintProxies } from '../connector/proxylint.ts';
import { isTielineError, TielineError } from '../errors.ts';
import { replay } from '../execute/replay.ts';
import { loadSandbox } from '../expression/sandbox.ts';
import { catalogSource, openCatalog } from './open.ts';
import { EXIT, print } from './output.ts';

export type Checked = {
  readonly files: number;
  readonly tools: number;
  readonly tests: number;
  readonly problems: readonly Problem[];
};

/** `tieline connectors lint [path...]`: checks definitions and replays their tests. Gives the exit code. */
export async function lint(paths: readonly string[], { json }: { readonly json?: boolean }): Promise<number> {
  const checked = await checkFiles(await filesOf(paths));
  print(checked, json, ({ files, tools, tests, problems }) => {
    const what = `${files} definition${files === 1 ? '' : 's'}, ${tools} tools, ${tests} recorded examples`;
    return [
      ...problems.map(formatProblem),
      problems.length === 0 ? `${what}: all well` : `${what}: ${problems.length} problems`,
    ].join('\n');
  });
  return checked.problems.length === 0 ? EXIT.done : EXIT.failed;
}

async function filesOf(paths: readonly string[]): Promise<string[]> {
  if (paths.length === 0) return definitionFiles((await catalogSource(await readConfig(process.env))).folders);
  const found = await Promise.all(
    paths.map(async (path) => {
      const entry = await stat(path).catch(() => undefined);
      if (entry?.isFile()) return [path];
      const own = join(path, 'connector.yaml');
      if (
        entry &&
        (await stat(own).then(
          () => true,
          () => false,
        ))
      )
        return [own];
      const inside = entry ? await definitionFiles([path]) : [];
      if (inside.length === 0) throw new TielineError('usage', `there is no connector.yaml in ${path}`);
      return inside;
    }),
  );
  return found.flat();
}

/** Checks each file by itself, and then that all of them fit into one catalog. */
export async function checkFiles(files: readonly string[]): Promise<Checked> {
  await loadSandbox();
  const problems: Problem[] = [];
  const connectors: Connector[] = [];
  const sound: Loaded[] = [];
  let tests = 0;
  for (const file of files) {
    const read = await readDefinitionFile(file, file);
    const found = 'problems' in read ? read.problems : lintDefinition(read.loaded);
    problems.push(...found);
    if ('problems' in read || found.length > 0) continue;
    const connector = buildConnector(read.loaded);
    connectors.push(connector);
    sound.push(read.loaded);
    tests += read.loaded.definition.tests.length;
    problems.push(...(await replayAll(connector, read.loaded)));
  }
  try {
    buildCatalog(connectors);
  } catch (error) {
    if (!isTielineError(error)) throw error;
    problems.push(at('all definitions', { line: 1, column: 1 }, 'catalog', error.message));
  }
  problems.push(...(await checkProxies(sound, connectors)));
  const tools = connectors.reduce((sum, it) => sum + it.actions.length, 0);
  return { files: files.length, tools, tests, problems };
}

/** The connectors that `proxy` options name may be elsewhere than in the files at hand. */
async function checkProxies(sound: readonly Loaded[], connectors: readonly Connector[]): Promise<Problem[]> {
  const check = (known: readonly Connector[]) => sound.flatMap((it) => lintProxies(it, known));
  if (check(connectors).length === 0) return [];
  const config = await readConfig(process.env);
  const all = await openCatalog({ ...config, enabled: 'all' }, () => undefined);
  return check([...connectors, ...all.connectors]);
}

async function replayAll(connector: Connector, { definition, source, file }: Loaded): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const [i, example] of definition.tests.entries()) {
    for (const message of await replay(connector, example)) {
      problems.push(at(file, source.at(['tests', i]), 'test', `${example.name}: ${message}`));
    }
  }
  return problems;
}
