import { randomUUID } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { link, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isTielineError, TielineError } from '../errors.ts';

/**
 * The text of a file that only its owner may read; undefined when there is none.
 * Throws `key_invalid` for a file that others may read too.
 */
export async function readPrivate(path: string): Promise<string | undefined> {
  const file = await open(path, 'r').catch((cause) => absent(path, cause));
  try {
    return file && checked(path, (await file.stat()).mode, await file.readFile('utf8'));
  } catch (cause) {
    throw unreadable(path, cause);
  } finally {
    await file?.close();
  }
}

/** The same, for where nobody can wait. */
export function readPrivateSync(path: string): string | undefined {
  try {
    return checked(path, statSync(path).mode, readFileSync(path, 'utf8'));
  } catch (cause) {
    return absent(path, cause);
  }
}

function checked(path: string, mode: number, text: string): string {
  // Windows has no such bits: Node reports 0666 for every file there.
  if (process.platform === 'win32' || (mode & 0o077) === 0) return text;
  throw new TielineError('key_invalid', `others than its owner may use the key file ${path}`, {
    hint: `Run: chmod 600 '${path}'`,
  });
}

function absent(path: string, cause: unknown): undefined {
  if (!hasCode(cause, 'ENOENT')) throw unreadable(path, cause);
}

function unreadable(path: string, cause: unknown): TielineError {
  if (isTielineError(cause)) return cause;
  return new TielineError('key_invalid', `the key file ${path} cannot be read`, {
    hint: 'Make it a file which the user that runs Tieline owns',
    cause,
  });
}

/**
 * Makes a file of mode 0600, whole and on disk, or leaves alone the one that is there: true if this call made it.
 * A link rather than O_EXCL alone, which would show the file to others, or leave it after a crash, while still empty.
 */
export async function publish(path: string, text: string): Promise<boolean> {
  const draft = `${path}.${randomUUID()}`;
  try {
    await write(draft, text);
    await link(draft, path);
    return true;
  } catch (cause) {
    if (hasCode(cause, 'EEXIST')) return false;
    throw new TielineError('key_invalid', `the key file ${path} cannot be made`, {
      hint: 'Give the user that runs Tieline write access to its folder, or set TIELINE_KEY',
      cause,
    });
  } finally {
    await rm(draft, { force: true }).catch(() => undefined); // what happened above is what to tell
    await syncFolder(dirname(path));
  }
}

async function write(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.chmod(0o600); // whatever the umask left of it
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A new name is on disk only when its folder is. Not every system can do it, and the data is not at stake yet. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
