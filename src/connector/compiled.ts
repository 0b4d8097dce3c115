import { createHash } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { packageFolder } from '../package.ts';
import type { Definition } from './definition.ts';
import { definitionFiles } from './files.ts';
import { methodsOf } from './script.ts';

/** A definition that keeps the format, and the file it came from. */
export type Checked = { readonly definition: Definition; readonly file: string };

/** What the build has read and checked already, by the hash of its text. */
const COMPILED = join(packageFolder, 'dist', 'definitions');

const LARGEST_FILE = 1024 * 1024;

/**
 * The definition in a file. Reading YAML and checking the format takes far longer than all else at a start, so that a
 * text that was checked when the package was built is not checked again. Throws `definition_invalid` with file, line and
 * column of every problem.
 */
export async function readChecked(file: string): Promise<Checked> {
  const { size } = await stat(file);
  const known = size > LARGEST_FILE ? undefined : await readCompiled(await readFile(file, 'utf8'));
  if (known) return { definition: known, file: relative(process.cwd(), file) };
  return (await import('./load.ts')).loadDefinition(file);
}

async function readCompiled(text: string): Promise<Definition | undefined> {
  try {
    return JSON.parse(await readFile(join(COMPILED, nameOf(text)), 'utf8')) as Definition;
  } catch {
    return undefined; // it is not among them, or not whole: then it is read as every other
  }
}

const nameOf = (text: string): string => `${createHash('sha256').update(text, 'utf8').digest('hex')}.json`;

/** Reads and checks the definitions of a folder for all starts to come. Part of the build. */
export async function compileDefinitions(folder: string): Promise<number> {
  const { loadDefinition } = await import('./load.ts');
  await mkdir(COMPILED, { recursive: true });
  let count = 0;
  for (const file of await definitionFiles([folder])) {
    const { definition } = await loadDefinition(file);
    // The text of a script is no part of what is hashed.
    if (methodsOf(definition).some((it) => it.method.file !== undefined)) continue;
    await writeFile(join(COMPILED, nameOf(await readFile(file, 'utf8'))), JSON.stringify(definition));
    count += 1;
  }
  return count;
}
