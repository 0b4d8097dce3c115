/// <reference lib="esnext.disposable" preserve="true" />
import { openApi } from './api.ts';
import { type CallOptions, type ParamsAndOptions, type PlainCall, type Run, resultOf } from './call.ts';
import type { ActionName, ConnectorInfo, ConnectorName, EntityName, Params } from './catalog.ts';
import { openConnectors } from './connectors.ts';
import { remoteRun } from './execution.ts';
import { openIntegrations } from './integrations.ts';
import { type LocalOptions, openLocal } from './local.ts';
import type { ServerOptions } from './options.ts';
import type { Result } from './result.ts';

/** An account that a server keeps. */
export type HostedOptions = ServerOptions & {
  /** Identifier of the user whose account it is. */
  readonly customerName: string;
  /** Identifier of the account; the default one when absent. */
  readonly identifier?: string | undefined;
};

/** One account of a connector. */
export type ConnectorClient<C extends ConnectorName = string> = {
  readonly name: C;
  /** Runs one action. */
  execute<E extends EntityName<C>, A extends ActionName<C, E>>(
    entity: E,
    action: A,
    ...rest: ParamsAndOptions<Params<C, E, A>, CallOptions>
  ): Promise<Result>;
  /** Tries the credentials at the provider. False where the connector has no way to tell. */
  check(): Promise<boolean>;
  /** What it can do. */
  describe(): Promise<ConnectorInfo>;
  /** Ends what is under way. Credentials that nobody was given yet are handed over first. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/**
 * One account of a connector: one that a server keeps, or, without server and store, in this process with credentials
 * of your own. Nothing is asked before the first call. Throws `usage`.
 */
export function connector<const C extends ConnectorName>(
  name: C,
  options: HostedOptions | LocalOptions,
): ConnectorClient<C> {
  const { run, ...rest } = 'apiBaseUrl' in options ? openHosted(name, options) : openLocal(name, options);
  return {
    name,
    execute: (entity, action, ...[params, more]) => {
      const call: PlainCall = { ...more, connector: name, entity, action, params };
      return resultOf(run, call);
    },
    ...rest,
    [Symbol.asyncDispose]: rest.close,
  };
}

/** What stands behind a `ConnectorClient`. */
export type Opened = Pick<ConnectorClient, 'check' | 'describe' | 'close'> & { readonly run: Run };

function openHosted(name: string, { customerName, identifier, ...options }: HostedOptions): Opened {
  const api = openApi(options);
  const catalog = openConnectors(api);
  const run = remoteRun(api, customerName, catalog, options.maxAttempts);
  return {
    run: (call) => run({ ...call, identifier }),
    check: () => openIntegrations(api, customerName).test(name, identifier),
    describe: () => catalog.known(name),
    close: async () => {},
  };
}
