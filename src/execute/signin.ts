import { beginAuthorization, finishAuthorization } from '../auth/authorization.ts';
import { beginDevice, waitForDevice } from '../auth/device.ts';
import { beginOAuth1, finishOAuth1 } from '../auth/oauth1flow.ts';
import type { Granted } from '../auth/type.ts';
import type { AuthOption, Connector } from '../connector/connector.ts';
import type { Values } from '../connector/values.ts';
import { loadSandbox, Scripts } from '../expression/sandbox.ts';
import type { Scope } from '../expression/template.ts';
import type { Send } from '../network/send.ts';
import { boundSend } from './account.ts';
import type { Engine } from './engine.ts';
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
  if (spec.type === 'oauth1')
    return methods.getOAuth1Config?.mapping?.authorizeUri === undefined ? undefined : 'browser';
  if (spec.type !== 'oauth2') return undefined;
  if (spec.grant === 'device_code') return 'device';
  return spec.grant === 'authorization_code' ? 'browser' : undefined;
}

/** Signs a person in at the provider with what they typed. Throws `authorization_failed`. */
export async function signInAccount(
  engine: Engine,
  connector: Connector,
  option: AuthOption,
  input: Values,
  visitor: Visit,
): Promise<Granted> {
  await loadSandbox();
  const scope: Scope = {
    app: await engine.app(connector.name),
    input,
    secrets: input,
    credentials: input,
    settings: {},
    account: {},
  };
  const scripts = new Scripts({ functions: connector.functions });
  try {
    const send = boundSend(engine.sender, connector, scope, scripts, undefined);
    return await run(engine, connector, option, scope, { ...visitor, send, scripts });
  } finally {
    scripts.dispose();
  }
}

type Running = Visit & { readonly send: Send; readonly scripts: Scripts };

async function run(
  engine: Engine,
  connector: Connector,
  option: AuthOption,
  scope: Scope,
  it: Running,
): Promise<Granted> {
  const { send, scripts } = it;
  const { name } = connector;
  if (signInKind(option) === 'device') {
    const started = await beginDevice(name, option, { scope, send, scripts, now: engine.now() });
    await it.visit(new URL(started.completeUri ?? started.verificationUri), { state: '', code: started.userCode });
    return waitForDevice(name, option, started, { scope, send, scripts, now: engine.now });
  }
  const { redirectUri = '' } = it;
  const begin = { redirectUri, send, scripts, now: engine.now() };
  if (option.spec.type === 'oauth1') {
    const { url, authorization } = await beginOAuth1(name, option, scope, begin);
    await it.visit(url, authorization);
    return finishOAuth1(authorization, option, scope, await it.arrived(), { send, scripts, now: engine.now() });
  }
  const { url, authorization } = await beginAuthorization(name, option, scope, begin);
  await it.visit(url, authorization);
  const ask = askOf(connector, send, scripts);
  return finishAuthorization(authorization, option, scope, await it.arrived(), {
    send,
    ask,
    scripts,
    now: engine.now(),
  });
}
