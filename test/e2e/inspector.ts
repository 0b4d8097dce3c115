import { execFile } from 'node:child_process';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { temporary } from './program.ts';

const packageFolder = fileURLToPath(new URL('./inspector', import.meta.url));

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

/** Why the inspector does not run on this Node; empty where it does. */
export const nodeIsTooOld =
  major > 22 || (major === 22 && minor >= 19)
    ? ''
    : ` (skipped: the inspector needs Node 22.19, this is ${process.version})`;

export type Installed = {
  /** Where `npx @modelcontextprotocol/inspector` runs the installed one. */
  readonly folder: string;
  /** Why npm could not install it, as where there is no network. */
  readonly absent?: string;
  remove(): Promise<void>;
};

/** Installs the inspector in a folder of its own: it is large, and not for every Node that the tests run on. */
export async function installInspector(): Promise<Installed> {
  const { path: folder, remove } = await temporary();
  for (const file of ['package.json', 'package-lock.json'])
    await copyFile(join(packageFolder, file), join(folder, file));
  const options = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
  try {
    await promisify(execFile)('npm', ['ci', ...options], { cwd: folder });
    return { folder, remove };
  } catch (error) {
    const said = /^npm error .+/m.exec((error as { stderr?: string }).stderr ?? '')?.[0] ?? String(error);
    return { folder, remove, absent: `the inspector cannot be installed: ${said}` };
  }
}
