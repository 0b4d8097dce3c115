import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { functionIn } from './script.ts';

const LARGEST_SCRIPT = 256 * 1024;

/** The file is not where a script of this definition may be, or is none. */
export class NoScript extends Error {}

/**
 * Reads a script that stands in the folder of a definition: the text of its function. Throws `NoScript` for one that is
 * missing, outside (through a link as well), no file at all, or larger than 256 KB.
 */
export async function readScript(definitionFile: string, name: string): Promise<string> {
  const folder = await realpath(dirname(definitionFile));
  const file = await realpath(join(folder, name)).catch((cause: NodeJS.ErrnoException) => {
    throw new NoScript(`there is no file ${name} in the folder of the connector`, { cause });
  });
  if (relative(folder, file).split(sep)[0] === '..') {
    throw new NoScript(`${name} leads out of the folder of the connector`);
  }
  const found = await stat(file);
  if (!found.isFile()) throw new NoScript(`${name} is not a file`);
  if (found.size > LARGEST_SCRIPT) throw new NoScript(`${name} is larger than 256 KB`);
  return functionIn(await readFile(file, 'utf8'));
}
