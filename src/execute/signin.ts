import { type Authorization, beginAuthorization, finishAuthorization } from '../auth/authorization.ts';
import { askDevice, beginDevice, type DeviceSignIn, patiently, waitForDevice } from '../auth/device.ts';
import { beginOAuth1, finishOAuth1, type OAuth1Authorization } from '../auth/oauth1flow.ts';
import type { Ask, Granted } from '../auth/type.ts';
import type { AuthOption, Connector } from '../connector/connector.ts';
import type { Values } from '../connector/values.ts';
import { loadSandbox, Scripts } from '../expression/sandbox.ts';
import type { Scope } from '../expression/template.ts';
import type { Principal } from '../integration/principal.ts';
import type { Send } from '../network/send.ts';
import type { Secrets } from '../secrets.ts';
import { accountSecrets } from './accountsecrets.ts';
import type { Engine } from './engine.ts';
import { boundSend } from './reach.ts';
import { askOf } from './renew.ts';

/** How a person is reached during a sign-in. */
export type Visit = {
  /** Where the provider sends the browser back to. Absent: nobody listens, only another device will do. */
  readonly redirectUri?: string;
  /** Shows the address at which the provider asks the person; `code` is what they type there. */
  visit(url: URL, more: { readonly state: string; readonly code?: string }): Promise<void>;
  /** The address the browser came back with. */
  arrived(): Promise<URL>;
};

/** `browser`: the person comes back to a redirect URI; `device`: the provider is asked whether they are done. */
export function signInKind({ spec, methods }: AuthOption): 'browser' | 'device' | undefined {
  if (spec.type === 'oauth1') return givesAuthorizeUri(methods.getOAuth1Config) ? 'browser' : undefined;
  if (spec.type !== 'oauth2') return undefined;
  if (spec.grant === 'device_code') return 'device';
  return spec.grant === 'authorization_code' ? 'browser' : undefined;
}

/** Of a function only its text tells, as there may be nobody yet to run it for. */
function givesAuthorizeUri(method: AuthOption['methods']['getOAuth1Config']): boolean {
  if (method?.mapping) return method.mapping.authorizeUri !== undefined;
  return /\bauthorizeUri\b/.test(method?.javascript ?? '');
}

/** A sign-in that waits for its person, with what they typed before. Plain JSON, and secret. */
export type PendingSignIn = { readonly input: Values } & (
  | { readonly kind: 'oauth2'; readonly authorization: Authorization }
  | { readonly kind: 'oauth1'; readonly authorization: OAuth1Authorization }
  | { readonly kind: 'device'; readonly started: DeviceSignIn }
);

export type DevicePending = Extract<PendingSignIn, { kind: 'device' }>;
export type BrowserPending = Exclude<PendingSignIn, DevicePending>;

export type BegunSignIn<T extends PendingSignIn = PendingSignIn> = { readonly url: URL; readonly pending: T };

/**
 * Starts a sign-in with what was typed, and gives the address at which the provider asks the person. What follows may
 * happen in another process. Throws `config_invalid`, `authorization_failed`.
 */
export function beginSignIn(
  engine: Engine,
  who: Principal,
  connector: Connector,
  option: AuthOption,
  input: Values,
  { redirectUri }: { readonly redirectUri: string },
): Promise<BegunSignIn> {
  const { name } = connector;
  return within(engine, who, connector, option, input, async (scope, more) => {
    if (signInKind(option) === 'device') {
      const started = await beginDevice(name, option, { scope, ...more });
      const url = new URL(started.completeUri ?? started.verificationUri);
      return { url, pending: { kind: 'device', input, started } };
    }
    if (option.spec.type === 'oauth1') {
      const { url, authorization } = await beginOAuth1(name, option, scope, { redirectUri, ...more });
      return { url, pending: { kind: 'oauth1', input, authorization } };
    }
    const { url, authorization } = await beginAuthorization(name, option, scope, { redirectUri, ...more });
    return { url, pending: { kind: 'oauth2', input, authorization } };
  });
}

/** Ends a sign-in with the address the browser came back with. Throws `authorization_failed`. */
export function finishSignIn(
  engine: Engine,
  who: Principal,
  connector: Connector,
  option: AuthOption,
  pending: BrowserPending,
  callback: URL,
): Promise<Granted> {
  return within(engine, who, connector, option, pending.input, (scope, more) =>
    pending.kind === 'oauth1'
      ? finishOAuth1(pending.authorization, option, scope, callback, more)
      : finishAuthorization(pending.authorization, option, scope, callback, more),
  );
}

/** Asks the provider once whether the person is done at their other device. Throws `authorization_failed`. */
export function askSignIn(
  engine: Engine,
  who: Principal,
  connector: Connector,
  option: AuthOption,
  { input, started }: DevicePending,
): Promise<Granted | 'pending' | 'slower'> {
  return within(engine, who, connector, option, input, (scope, more) =>
    askDevice(connector.name, option, started, { scope, ...more }).catch(patiently),
  );
}

/** Signs a person in at the provider with what they typed, and waits for them. Throws `authorization_failed`. */
export async function signInAccount(
  engine: Engine,
  who: Principal,
  connector: Connector,
  option: AuthOption,
  input: Values,
  { redirectUri = '', visit, arrived }: Visit,
): Promise<Granted> {
  const { url, pending } = await beginSignIn(engine, who, connector, option, input, { redirectUri });
  if (pending.kind === 'device') {
    const { started } = pending;
    await visit(url, { state: '', code: started.userCode });
    return within(engine, who, connector, option, input, (scope, more) =>
      waitForDevice(connector.name, option, started, { scope, ...more, now: engine.now }),
    );
  }
  await visit(url, pending.authorization);
  return finishSignIn(engine, who, connector, option, pending, await arrived());
}

type Reached = {
  readonly send: Send;
  readonly ask: Ask;
  readonly scripts: Scripts;
  readonly now: number;
  readonly secrets: Secrets;
};

/** What a sign-in sees and how it reaches the provider. */
async function within<T>(
  engine: Engine,
  who: Principal,
  connector: Connector,
  option: AuthOption,
  input: Values,
  work: (scope: Scope, reached: Reached) => Promise<T>,
): Promise<T> {
  await loadSandbox();
  const app = await engine.app(connector.name, who.organization);
  const secrets = accountSecrets({ connector, option, app }, { input, values: {} });
  const scope: Scope = { app, input, secrets: input, credentials: input, settings: {}, account: {} };
  const scripts = new Scripts({ functions: connector.functions, scrub: secrets.scrub });
  try {
    const send = boundSend(engine.sender, { connector, scope }, scripts, undefined);
    const reached = { send, ask: askOf(connector, send, scripts), scripts, now: engine.now(), secrets };
    return await secrets.guard(() => work(scope, reached));
  } finally {
    scripts.dispose();
  }
}
