import type { Connector, Server } from '../connector/connector.ts';
import { isTielineError, TielineError } from '../errors.ts';
import type { Scripts } from '../expression/sandbox.ts';
import type { Scope } from '../expression/template.ts';
import type { LinkedReach } from '../integration/integration.ts';
import type { Send, Sender, TlsMaterial } from '../network/send.ts';
import { baseUrl } from './request.ts';
import { isMovable, isOfAccount } from './scope.ts';

/** Where the requests of an account may go. */
export type Reach = {
  /** Each as `URL.host`. */
  readonly hosts: ReadonlySet<string>;
  /** The base URL. Undefined while it hangs on a fact that the first token brings; requests to it fail on their own. */
  readonly home: URL | undefined;
  /** What is trusted and shown at the host of the base URL, and nowhere else. */
  readonly tls: TlsMaterial | undefined;
};

/** What decides where requests may go: the definition, what it is evaluated with, and where the account was linked. */
export type ReachOf = {
  readonly connector: Connector;
  readonly scope: Scope;
  readonly linked?: LinkedReach | undefined;
};

const known = new WeakMap<Scope, { readonly connector: Connector; readonly reach: Reach }>();

/** The reach of an account, by the roots of the account alone where the definition uses no others. */
export function accountReach(
  { connector, linked, account, scope }: ReachOf & { readonly account: Scope },
  scripts: Scripts,
  shown: () => TlsMaterial | undefined,
): Reach {
  const found = known.get(account);
  if (found?.connector === connector) return found.reach;
  const { baseUrl: base, allowHosts, tls } = connector.server();
  if (![base, tls, ...allowHosts].every(isOfAccount)) return reachOf({ connector, scope, linked }, scripts, shown());
  const reach = reachOf({ connector, scope: account, linked }, scripts, shown());
  known.set(account, { connector, reach });
  return reach;
}

/** Throws `reauthorization_required` where the account was linked at another address. */
export function reachOf(
  { connector, scope, linked }: ReachOf,
  scripts: Scripts | undefined,
  shown?: TlsMaterial,
): Reach {
  const server = connector.server();
  const declared = server.allowHosts.flatMap((it) => {
    const text = it.evaluate(scope, scripts);
    if (typeof text !== 'string') return [];
    const host = hostOf(text);
    if (linked && isMovable(it) && !linked.hosts.includes(host)) throw moved(connector, host, linked.hosts.join(', '));
    return [host];
  });
  const home = homeOf(server, scope, scripts);
  if (linked && isMovable(server.baseUrl)) checkHome(connector, home?.origin, linked);
  return {
    hosts: new Set([...(home === undefined ? [] : [home.host]), ...declared]),
    home,
    tls: orNone({ ...(server.tls.evaluate(scope, scripts) as TlsMaterial), ...shown }),
  };
}

/** Throws `reauthorization_required` where the account was linked at another address. */
export function checkHome(connector: Connector, home: string | undefined, linked: LinkedReach): void {
  if (home !== linked.home) throw moved(connector, home ?? 'no address', linked.home ?? 'no address');
}

/** Whoever can change an address must not get the credentials of accounts that were linked at another one. */
const moved = ({ name }: Connector, now: string, before: string): TielineError =>
  new TielineError(
    'reauthorization_required',
    `${name} is now at ${now}, and this account was linked when it was at ${before}`,
    { hint: 'Connect the account again, or have the address of the connector changed back.' },
  );

/** To be kept with an account that is being linked. */
export const linkedReach = ({ hosts, home }: Reach): LinkedReach => ({
  ...(home && { home: home.origin }),
  hosts: [...hosts],
});

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
  of: ReachOf,
  scripts: Scripts | undefined,
  signal: AbortSignal | undefined,
  endsAt?: number,
): Send => sendWithin(sender, reachOf(of, scripts), of.connector.server(), signal, endsAt);

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
