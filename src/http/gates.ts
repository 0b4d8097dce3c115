import type { IncomingMessage } from 'node:http';
import type { Context } from 'hono';
import type { Backend, Env } from './context.ts';
import { type FailureLimit, limitFailures, openRequestLimit, type RequestLimit } from './ratelimit.ts';
import { type RemoteAddress, remoteAddressBehind } from './remoteaddress.ts';

/** What counts across requests, for all ways in which they come. */
export type Gates = {
  readonly remoteAddress: RemoteAddress;
  readonly failures: FailureLimit;
  /** Of MCP. */
  readonly requests: RequestLimit;
};

/** Throws `config_invalid`. */
export const openGates = ({ limits, trustedProxies = [] }: Pick<Backend, 'limits' | 'trustedProxies'>): Gates => ({
  remoteAddress: remoteAddressBehind(trustedProxies),
  failures: limitFailures(limits.failures),
  requests: openRequestLimit(limits.requests),
});

/** The request of a context as Node has it. */
export const incomingOf = (context: Context<Env>): IncomingMessage => {
  const bindings = context.env as unknown as { readonly incoming: IncomingMessage };
  return bindings.incoming;
};
