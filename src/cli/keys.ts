import { readConfig } from '../config.ts';
import { openKeystore } from '../keystore/keystore.ts';
import { openEngine } from './open.ts';
import { EXIT, print } from './output.ts';

type Json = { readonly json?: boolean };

/** `tieline keys jwks`: what an API needs to check the tokens that Tieline signs (RFC 7517 §5). JSON either way. */
export async function jwks(): Promise<void> {
  const { signingKeys, close } = await openEngine();
  try {
    print(await signingKeys.jwks(), true, () => '');
  } finally {
    await close();
  }
}

/** `tieline keys rotate` */
export async function rotate({ json }: Json): Promise<void> {
  const { signingKeys, close } = await openEngine();
  try {
    await signingKeys.rotate();
    const [newest] = (await signingKeys.jwks()).keys;
    print({ kid: newest?.kid }, json, ({ kid }) =>
      [
        `Made the key ${kid}. Programs that are running sign with it within a minute.`,
        'Tokens of the key before stay valid until they expire. Give the new keys to who checks them: tieline keys jwks',
      ].join('\n'),
    );
  } finally {
    await close();
  }
}

/** `tieline keys rewrap`: all records under the current master key, so that an earlier one can go. Gives the exit code. */
export async function rewrap({ json }: Json): Promise<number> {
  const { home } = await readConfig(process.env);
  const { keystore } = await openKeystore({ home, env: process.env });
  const isWatched = !json && process.stderr.isTTY;
  try {
    const so = await keystore.rewrap(({ resealed, right }) => {
      if (isWatched) process.stderr.write(`\r${resealed} sealed anew, ${right} with the key already`);
    });
    if (isWatched) process.stderr.write('\n');
    print(so, json, ({ key, resealed, failed, done }) => {
      const what = `Sealed ${resealed === 1 ? 'one record' : `${resealed} records`} anew with key ${key}.`;
      if (done)
        return `${what} No record needs another key any more: take the others out of the key file or TIELINE_KEY.`;
      if (failed === 0)
        return `${what} Somebody goes on to write with another key. Put ${key} first for all processes, restart them, and run this again.`;
      return `${what} ${failed === 1 ? 'One cannot' : `${failed} cannot`} be opened: keep the other keys.`;
    });
    return so.done ? EXIT.done : EXIT.failed;
  } finally {
    await keystore.close();
  }
}
