import type { Connector, Server } from '../connector/connector.ts';
import { isTielineError, TielineError } from '../errors.ts';
import type { Scripts } from '../expression/sandbox.ts';
import type { Scope } from '../expression/template.ts';
import type { Send, Sender, TlsMaterial } from '../network/send.ts';
import { baseUrl } from './request.ts';
import { isOfAccount } from './scope.ts';

/** Where the requests of an account may go. */
export type Reach = {
  /** Each as `URL.host`. */
  readonly hosts: ReadonlySet<string>;
  /** The base URL. Undefined while it hangs on a fact that the first token brings; requests to it fail on their own. */
  readonly home: URL | undefined;
  /** What is trusted and shown at the host of the base URL, and nowhere else. */
  readonly tls: TlsMaterial | undefined;
};

const known = new WeakMap<Scope, { readonly connector: Connector; readonly reach: Reach }>();

/** The reach of an account, by the roots of the account alone where the definition uses no others. */
export function accountReach(
  connector: Connector,
  { account, scope }: { readonly account: Scope; readonly scope: Scope },
  scripts: Scripts,
  shown: () => TlsMaterial | undefined,
): Reach {
  const found = known.get(account);
  if (found?.connector === connector) return found.reach;
  const { baseUrl: base, allowHosts, tls } = connector.server();
  if (![base, tls, ...allowHosts].every(isOfAccount)) return reachOf(connector, scope, scripts, shown());
  const reach = reachOf(connector, account, scripts, shown());
  known.set(account, { connector, reach });
  return reach;
}

export function reachOf(connector: Connector, scope: Scope, scripts: Scripts | undefined, shown?: TlsMaterial): Reach {
  const server = connector.server();
  const declared = server.allowHosts.map((it) => it.evaluate(scope, scripts)).filter((it) => typeof it === 'string');
  const home = homeOf(server, scope, scripts);
  return {
    hosts: new Set([...(home === undefined ? [] : [home.host]), ...declared.map(hostOf)]),
    home,
    tls: orNone({ ...(server.tls.evaluate(scope, scripts) as TlsMaterial), ...shown }),
  };
}

const orNone = (tls: TlsMaterial): TlsMaterial | undefined => (Object.keys(tls).length > 0 ? tls : undefined);

/**
 * Where the requests of one connector may go as an account of another: to hosts that both declare. Certificates are
 * those of the account, as whoever says what is trusted can read what is sent.
 */
export function delegatedReach(own: Reach, account: Reach): Reach {
  return { ...account, hosts: new Set([...own.hosts].filter((it) => account.hosts.has(it))) };
}

/** A credential of another connector goes unencrypted only if that one's own API is so; others just share its host. */
export function checkUnencrypted({ protocol, host }: URL, { home }: Reach): void {
  if (protocol !== 'http:' || home?.protocol === 'http:') return;
  throw new TielineError('target_forbidden', `${host} may be reached with this account over https only`);
}

/** The sender, held to the hosts of a reach. `endsAt`, on the clock of `performance.now`, is the end of all requests. */
export function sendWithin(
  sender: Sender,
  { hosts, home, tls }: Reach,
  server: Server,
  signal: AbortSignal | undefined,
  endsAt = Number.POSITIVE_INFINITY,
): Send {
  const { connect, read, total } = server.timeouts;
  return (request, more = {}) =>
    sender.send(request, {
      allowedHosts: hosts,
      timeouts: {
        connectMs: connect,
        headersMs: read,
        bodyMs: read,
        totalMs: Math.max(0, Math.min(total, endsAt - performance.now())),
      },
      maxBytes: server.maxBytes,
      signal,
      tls: request.url.host === home?.host ? tls : undefined,
      ...more,
    });
}

/** The sender, held to the hosts that the definition declares. */
export const boundSend = (
  sender: Sender,
  connector: Connector,
  scope: Scope,
  scripts: Scripts | undefined,
  signal: AbortSignal | undefined,
  endsAt?: number,
): Send => sendWithin(sender, reachOf(connector, scope, scripts), connector.server(), signal, endsAt);

function homeOf(server: Server, scope: Scope, scripts: Scripts | undefined): URL | undefined {
  try {
    return baseUrl(server, scope, scripts);
  } catch (error) {
    if (isTielineError(error) && error.code === 'arguments_invalid') return undefined;
    throw error;
  }
}

/** A declared host may be written as `host`, `host:port` or an address. */
function hostOf(text: string): string {
  const address = text.includes('://') ? text : `https://${text}`;
  return URL.canParse(address) ? new URL(address).host : text;
}
