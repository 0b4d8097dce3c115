import { buildCatalog } from '../connector/catalog.ts';
import type { Connector } from '../connector/connector.ts';
import type { Values } from '../connector/values.ts';
import { isTielineError, type TielineError } from '../errors.ts';
import { addIntegration } from '../integration/accounts.ts';
import { localPrincipal } from '../integration/principal.ts';
import { memoryKeystore } from '../keystore/keystore.ts';
import type { HttpRequest, HttpResponse, Sender } from '../network/send.ts';
import { noAudit } from './audit.ts';
import { optionNamed } from './connect.ts';
import { execute } from './execute.ts';
import { openPolicy } from './policy.ts';
import type { Outcome } from './result.ts';

export type Rehearsal = {
  readonly entity: string;
  readonly action: string;
  readonly args: Values;
  readonly option?: string | undefined;
  readonly app?: Values;
  readonly input?: Values;
  readonly settings?: Values;
  readonly account?: Values;
  readonly credentials?: Values;
};

export type Rehearsed = {
  readonly requests: readonly HttpRequest[];
  readonly result: { readonly outcome: Outcome } | { readonly error: TielineError };
};

/**
 * Runs an action through the whole of `execute`, but for the network: each request it would send goes to `respond`
 * instead, which answers it or throws. For `connectors try` and for the recorded exchanges of definitions.
 */
export async function rehearse(
  connector: Connector,
  rehearsal: Rehearsal,
  respond: (request: HttpRequest, index: number) => HttpResponse,
): Promise<Rehearsed> {
  const requests: HttpRequest[] = [];
  const sender: Sender = {
    send: async (request) => {
      requests.push(request);
      return respond(request, requests.length - 1);
    },
    close: async () => {},
  };
  const keystore = await memoryKeystore();
  const { entity, action, args, app = {}, input = {}, settings = {}, account = {}, credentials = {} } = rehearsal;
  const option = optionNamed(connector, rehearsal.option).key;
  const now = Date.now();
  await addIntegration(
    keystore,
    localPrincipal,
    { connector: connector.name, identifier: 'rehearsal', option, settings, account, createdAt: now },
    { version: 1, input, values: { ...input, ...credentials }, obtainedAt: now },
  );
  const engine = {
    catalog: buildCatalog([connector]),
    keystore,
    sender,
    audit: noAudit,
    policy: () => openPolicy,
    app: async () => app,
    now: Date.now,
  };
  try {
    const call = { connector: connector.name, entity, action, params: args };
    return { requests, result: { outcome: await execute(engine, localPrincipal, call) } };
  } catch (error) {
    if (!isTielineError(error)) throw error;
    return { requests, result: { error } };
  } finally {
    await keystore.close();
  }
}
