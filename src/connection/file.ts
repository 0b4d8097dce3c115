import { randomUUID } from 'node:crypto';
import { chmod, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TielineError } from '../errors.ts';

/** The definition of a connection, in a folder that only its owner may enter. */
export const fileOf = (folder: string, connector: string): string => join(folder, connector, 'connector.yaml');

/** Writes the definition, whole or not at all: folders 0700, file 0600. */
export async function writeConnector(folder: string, connector: string, text: string): Promise<void> {
  const own = join(folder, connector);
  const draft = join(own, `.${randomUUID()}`);
  try {
    for (const path of [folder, own]) {
      await mkdir(path, { recursive: true, mode: 0o700 });
      await chmod(path, 0o700);
    }
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.chmod(0o600); // whatever the umask left of it
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, fileOf(folder, connector));
  } catch (cause) {
    await rm(draft, { force: true }).catch(() => undefined); // the first failure is the one to tell
    const { code } = cause as NodeJS.ErrnoException;
    throw new TielineError('config_invalid', `the definition cannot be written to ${own} (${code})`, {
      hint: 'Give the user that runs Tieline write access to that folder.',
      cause,
    });
  }
}

export async function removeConnector(folder: string, connector: string): Promise<void> {
  await rm(join(folder, connector), { recursive: true, force: true });
}

export const isWritten = (folder: string, connector: string): Promise<boolean> =>
  stat(fileOf(folder, connector)).then(
    (it) => it.isFile(),
    () => false,
  );
