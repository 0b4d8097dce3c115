import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { TielineError } from '../errors.ts';
import { log } from '../log.ts';
import { fileOfStore } from './open.ts';
import { shownUrl } from './server.ts';

/**
 * The stores that a data folder has been used with, one a line in `<home>/stores`: the id in the canary and a name. So an
 * empty store is told from a first start.
 */
const fileIn = (home: string): string => join(home, 'stores');

/**
 * What a store is known by: its URL without user, password and settings of the connection. A file in the data folder is
 * named from there, as the folder may be moved or copied.
 */
export function nameOfStore(url: string, home: string): string {
  const file = fileOfStore(url);
  if (file !== undefined) {
    const inHome = relative(resolve(home), file);
    return `sqlite:${inHome.startsWith('..') || isAbsolute(inHome) ? file : inHome}`;
  }
  const parameters = URL.canParse(url) ? new URL(url).searchParams : new URLSearchParams();
  const part = parameters.get('prefix') ?? parameters.get('schema');
  return part === null ? shownUrl(url) : `${shownUrl(url)}?${part}`;
}

/** The id of the store of this name when the folder was last used with it; undefined for one that is new here. */
export async function readBegun(home: string, name: string): Promise<string | undefined> {
  const text = await readFile(fileIn(home), 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return '';
    throw new TielineError('config_invalid', `${fileIn(home)} cannot be read (${cause.code})`, {
      hint: 'Make it a file that the user who runs Tieline may read.',
      cause,
    });
  });
  const lines = text.split('\n').map((line) => /^(\S+) (.+)$/.exec(line));
  return lines.findLast((it) => it?.[2] === name)?.[1];
}

/** Where the folder cannot be written, nothing is noted: then others keep the key and the store. */
export async function noteBegun(home: string, name: string, id: string): Promise<void> {
  const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW } = constants;
  try {
    const file = await open(fileIn(home), O_APPEND | O_CREAT | O_WRONLY | (O_NOFOLLOW ?? 0), 0o600);
    try {
      await file.appendFile(`${id} ${name}\n`);
    } finally {
      await file.close();
    }
  } catch (error) {
    log.debug('the store was not noted in the data folder', { error });
  }
}

/** For a store that is empty although the folder has been used with it. */
export const emptySince = (home: string, name: string): TielineError =>
  new TielineError('store_unavailable', `the store ${name} is empty, and it was not when it was used last`, {
    hint: `Restore it from a copy; to begin anew with an empty one, remove ${fileIn(home)} and the empty file, if it is one`,
  });

/** For a store that was begun anew by somebody else. */
export const anotherSince = (home: string, name: string): TielineError =>
  new TielineError('store_unavailable', `the store ${name} is another one than when it was used last`, {
    hint: `Restore the former one from a copy; if this one is meant, remove ${fileIn(home)}`,
  });
