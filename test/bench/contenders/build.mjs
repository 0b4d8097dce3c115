import { execFile } from 'node:child_process';
import { mkdir, rm, symlink } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Where the benchmark keeps what it makes. Git does not see it. */
export const WORK = fileURLToPath(new URL('../.work', import.meta.url));

let built;

/**
 * The modules of Tieline one by one, however the program is packed, for what has no command: ten thousand accounts at
 * once. Gives what imports one of them by its name, as `module('cli/open')`.
 */
export async function tielineModules() {
  built ??= build();
  const folder = await built;
  return (name) => import(`${folder}/dist/${name}.js`);
}

async function build() {
  const folder = `${WORK}/tieline`;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const compiler = `${root}node_modules/typescript/bin/tsc`;
  const flags = ['--noCheck', '--declaration', 'false', '--outDir', `${folder}/dist`];
  await run(process.execPath, [compiler, '-p', `${root}tsconfig.build.json`, ...flags]);
  for (const it of ['connectors', 'package.json']) await symlink(`${root}${it}`, `${folder}/${it}`);
  return folder;
}
