import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TielineError } from '../errors.ts';

/** The `connector.yaml` files one level below each folder, by name. Throws `config_invalid` where there is no folder. */
export async function definitionFiles(folders: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const folder of folders) {
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') {
        throw new TielineError('config_invalid', `there is no folder ${folder}`, {
          hint: 'Make it, or take it out of TIELINE_CONNECTORS.',
        });
      }
      throw error;
    });
    for (const name of names.sort()) {
      const file = join(folder, name, 'connector.yaml');
      const found = await stat(file).catch(() => undefined);
      if (found?.isFile()) files.push(file);
    }
  }
  return files;
}
