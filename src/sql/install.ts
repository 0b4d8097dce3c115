import { TielineError } from '../errors.ts';

/** Loads a driver that is an optional dependency. @throws TielineError `config_invalid` naming the command that adds it. */
export async function install<T>(packages: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new TielineError('config_invalid', 'the driver for this database is not installed', {
      hint: `Run: npm install ${packages}`,
      cause,
    });
  }
}
