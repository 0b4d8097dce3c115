import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { TielineError } from '../errors.ts';
import { type Patience, Places } from '../places.ts';
import type { FileAddress } from './address.ts';
import type { Driver } from './session.ts';
import { childSession } from './sqlitechild.ts';

/** @param folders What the operator allows: existing files in these folders and below. */
export function openSqlite({ database }: FileAddress, folders: readonly string[]): Driver {
  return {
    dialect: 'sqlite',
    name: database,
    probe: 'SELECT count(*) FROM sqlite_master',
    async connect(options) {
      const file = await permittedFile(database, folders);
      const leave = await enter(file, { ms: options.timeoutMs, signal: options.stop });
      const session = childSession(file, options);
      return {
        ...session,
        close() {
          session.close();
          leave();
        },
      };
    },
  };
}

/** Each statement has a process of its own, which may take hundreds of megabytes. */
const ofFile = new Places('statements on this database file', {
  most: 4,
  waiting: { each: 64, all: 256 },
  bytes: 16 * 1024 * 1024,
});
const ofAll = new Places('statements on database files', {
  most: 16,
  waiting: { each: 256, all: 256 },
  bytes: 16 * 1024 * 1024,
});

/** Waits for a place. Gives what gives it back, once. */
async function enter(file: string, patience: Patience): Promise<() => void> {
  await ofFile.take(file, patience);
  try {
    await ofAll.take('', patience);
  } catch (error) {
    ofFile.free(file);
    throw error;
  }
  let isInside = true;
  return () => {
    if (!isInside) return;
    isInside = false;
    ofAll.free('');
    ofFile.free(file);
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
