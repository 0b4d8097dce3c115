import { TielineError } from '../errors.ts';

const SERVICE = 'tieline';

/** Passwords by account name in the keychain of the operating system. */
export type Keychain = {
  get(account: string): Promise<string | undefined>;
  set(account: string, password: string): Promise<void>;
  delete(account: string): Promise<void>;
};

/** Loads the optional package. Throws `key_invalid`, at once or on first use, where there is no keychain to reach. */
export async function openKeychain(): Promise<Keychain> {
  const { AsyncEntry } = await reach(() => import('@napi-rs/keyring'));
  // The package falls back to the kernel's keyring on Linux, which forgets everything at the next boot.
  const entry = (account: string) => new AsyncEntry(SERVICE, account, { linux: { store: 'secret-service' } });
  return {
    get: async (account) => (await reach(() => entry(account).getPassword())) ?? undefined,
    set: (account, password) => reach(() => entry(account).setPassword(password)),
    delete: async (account) => {
      await reach(() => entry(account).deleteCredential());
    },
  };
}

async function reach<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new TielineError('key_invalid', 'the OS keychain cannot be reached', {
      hint: 'Unset TIELINE_KEY to use a key file, or set it to a key; the keychain needs the package @napi-rs/keyring',
      cause,
    });
  }
}
