import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { TielineError } from '../errors.ts';
import type { FileAddress } from './address.ts';
import type { Driver } from './session.ts';
import { childSession } from './sqlitechild.ts';
import { takeProcess } from './sqliteplaces.ts';

/** @param folders What the operator allows: existing files in these folders and below. */
export function openSqlite({ database }: FileAddress, folders: readonly string[]): Driver {
  return {
    dialect: 'sqlite',
    name: database,
    probe: 'SELECT count(*) FROM sqlite_master',
    async connect(options) {
      const file = await permittedFile(database, folders);
      const onEnd = await takeProcess(file, options);
      try {
        return childSession(file, options, onEnd);
      } catch (error) {
        onEnd(); // the system has let no process begin
        throw error;
      }
    },
  };
}

/** The file with no symbolic link left in its path; outside the folders nothing is told of what exists there. */
async function permittedFile(path: string, folders: readonly string[]): Promise<string> {
  const allowed = (await Promise.all(folders.map(namesOf))).flat();
  const inside = (file: string) => allowed.some((folder) => isBelow(file, folder));
  if (!inside(resolve(path))) throw forbidden();
  const file = await realpath(path).catch(() => undefined);
  if (file === undefined || !inside(file) || !(await stat(file)).isFile()) {
    if (file !== undefined && !inside(file)) throw forbidden();
    throw new TielineError('not_found', 'there is no such database file', { hint: 'Check the path of the file.' });
  }
  return file;
}

async function namesOf(folder: string): Promise<string[]> {
  const real = await realpath(folder).catch(() => undefined);
  return real === undefined ? [] : [resolve(folder), real];
}

function isBelow(file: string, folder: string): boolean {
  const path = relative(folder, file);
  return path !== '' && path !== '..' && !path.startsWith(`..${sep}`) && !isAbsolute(path);
}

function forbidden(): TielineError {
  return new TielineError('target_forbidden', 'this database file is not in a folder that may be used', {
    hint: 'Ask the operator to allow the folder for database files.',
  });
}
