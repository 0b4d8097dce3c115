import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { beginAuthorization, finishAuthorization } from '../../src/auth/authorization.ts';
import type { Credential, Renewal } from '../../src/auth/credential.ts';
import type { FreshOptions } from '../../src/auth/fresh.ts';
import { authType } from '../../src/auth/types.ts';
import type { AuthOption } from '../../src/connector/connector.ts';
import type { Scope } from '../../src/expression/template.ts';
import { type Keystore, openKeystore } from '../../src/keystore/keystore.ts';
import { openStore } from '../../src/keystore/open.ts';
import { type Store, type StoreKey, storeKey } from '../../src/keystore/store.ts';
import { signIn } from '../../src/sandbox/person.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { temporaryFolder } from '../keystore/place.ts';
import { askNothing, sendTo } from './sender.ts';

export const REDIRECT_URI = 'http://127.0.0.1:49876/callback/sandbox';

export const appOf = ({ url, clientId, clientSecret }: Pick<Sandbox, 'url' | 'clientId' | 'clientSecret'>) => ({
  baseUrl: url,
  clientId,
  clientSecret,
});

/** The code flow of an option at the sandbox, with this person at the browser. */
export async function authorize(sandbox: Sandbox, option: AuthOption, person: string): Promise<Renewal> {
  const scope: Scope = { app: appOf(sandbox) };
  const now = Date.now();
  const { url, authorization } = await beginAuthorization('sandbox', option, scope, { redirectUri: REDIRECT_URI, now });
  const landed = new URL(await signIn(url.href, person));
  return finishAuthorization(authorization, option, scope, landed, { send: sendTo(sandbox.url), now });
}

/** An account whose credential is in a keystore on disk, and what renews it at a provider. */
export type Stored = {
  readonly keystore: Keystore;
  /** The same file, without the seal. */
  readonly store: Store;
  readonly key: StoreKey;
  read(): Promise<Credential>;
  /** To ask for a fresh credential with, now or at another time. */
  options(more?: Partial<FreshOptions>): FreshOptions;
};

export const HOUR = 3_600_000;

/** Stores the credential as one that was obtained an hour ago for a minute, unless it says otherwise. */
export async function storedAccount(
  provider: Pick<Sandbox, 'url' | 'clientId' | 'clientSecret'>,
  option: AuthOption,
  credential: Partial<Credential>,
): Promise<Stored> {
  const home = join(await temporaryFolder(), 'home');
  const { keystore, storeUrl } = await openKeystore({ home, env: {} });
  const store = await openStore(storeUrl);
  onTestFinished(async () => void (await Promise.all([keystore.close(), store.close()])));
  const key = storeKey('credential', 'org', 'user', 'sandbox', randomUUID());
  const past = Date.now() - HOUR;
  await keystore.write(key, {
    version: 1,
    input: {},
    values: {},
    obtainedAt: past,
    expiresAt: past + 60_000,
    ...credential,
  });
  const { renewal } = authType(option);
  if (!renewal) throw new Error('nothing renews this option');
  const send = sendTo(provider.url);
  const scopeOf = ({ values, input }: Credential): Scope => ({ app: appOf(provider), input, credentials: values });
  return {
    keystore,
    store,
    key,
    read: async () => (await keystore.read<Credential>(key))?.value ?? Promise.reject(new Error('nothing stored')),
    options: (more = {}) => ({
      keystore,
      key,
      now: Date.now,
      isMissing: (it) => renewal.isMissing(scopeOf(it)),
      renew: (it) =>
        renewal.renew({ connector: 'sandbox', option, scope: scopeOf(it), send, ask: askNothing, now: Date.now() }),
      ...more,
    }),
  };
}
