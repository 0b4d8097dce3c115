import { openEngine } from './open.ts';
import { print } from './output.ts';

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
