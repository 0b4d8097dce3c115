import { onTestFinished } from 'vitest';
import type { Credential } from '../../src/auth/credential.ts';
import { type FreshOptions, freshCredential } from '../../src/auth/fresh.ts';
import { isTielineError } from '../../src/errors.ts';
import { memoryKeyring } from '../../src/keystore/keyring.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import { type FaultyOAuth, startFaultyOAuth } from '../../src/sandbox/faulty/faultyoauth.ts';
import type { Place } from '../contract/places.ts';
import { storedAccount } from './account.ts';
import { oauthOption } from './option.ts';

/** One account at the faulty provider, in a store, under a clock that only `pass` puts forward. */
export type Life = {
  readonly faulty: FaultyOAuth;
  /** Epoch milliseconds. */
  now(): number;
  pass(ms: number): void;
  /** `version N` of a credential, or the code of what was thrown. */
  ask(more?: Partial<FreshOptions>): Promise<string>;
  stored(): Promise<Credential>;
  /** Status of `GET /me` with the stored access token. */
  me(): Promise<number>;
};

/** The access token is over for a second, or is due with a minute to go. */
export async function begin(place: Place, token: 'over' | 'due' = 'over'): Promise<Life> {
  let time = Date.now();
  const now = () => time;
  const faulty = await startFaultyOAuth({ now, delayMs: 20 });
  onTestFinished(() => faulty.close());
  const { accessToken, refreshToken } = faulty.newGrant();
  const base = await storedAccount(faulty, oauthOption({ tokenUri: '{{ app.baseUrl }}/token' }), {});
  const keystore = await Keystore.open({ store: await place.open(), keyring: memoryKeyring() });
  onTestFinished(() => keystore.close());
  const { key } = base;
  const expiresAt = token === 'over' ? time - 1_000 : time + 60_000;
  const credential: Credential = {
    version: 1,
    input: {},
    values: { accessToken, refreshToken },
    obtainedAt: time - 3_600_000,
    expiresAt,
  };
  await keystore.write(key, credential);
  const stored = async () => (await keystore.read<Credential>(key))?.value ?? Promise.reject(new Error('nothing'));
  return {
    faulty,
    now,
    pass(ms) {
      time += ms;
    },
    ask: (more) =>
      freshCredential(base.options({ keystore, key, now, ...more })).then(
        (it) => `version ${it.version}`,
        (error: unknown) => (isTielineError(error) ? error.code : Promise.reject(error)),
      ),
    stored,
    async me() {
      const { values } = await stored();
      return (await fetch(`${faulty.url}/me`, { headers: { authorization: `Bearer ${values.accessToken}` } })).status;
    },
  };
}
