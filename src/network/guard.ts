import type { LookupAddress } from 'node:dns';
import { isIP, isIPv6, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { Agent, buildConnector } from 'undici';
import { BoundedMap, bound } from '../bounded.ts';
import { TielineError } from '../errors.ts';
import { evenly, refusedHost } from './refusedhost.ts';
import { type Resolve, systemResolver } from './resolver.ts';
import { undici } from './undici.ts';

export type NetworkPolicy = {
  /**
   * What the operator opens beyond the public internet: addresses (`127.0.0.1`, `[::1]:4000`), host names (`desk.corp`,
   * `desk.corp:8443`) and ranges (`10.1.0.0/16`). A name opens whatever it resolves to. Without a port: every port.
   */
  allowPrivate: readonly string[];
  /**
   * Where a host (`api.example.com`, or with a port) is reached instead: `address:port`, private or not. Names and
   * certificates stay those of the host.
   */
  connectTo?: Readonly<Record<string, string>>;
};

export type { Resolve } from './resolver.ts';

export type GuardOptions = {
  /** Name resolution, TCP and TLS together. Default 5,000. */
  connectTimeoutMs?: number;
  /** PEM certificates to trust instead of the usual authorities. */
  ca?: string;
  /** PEM of the certificate, and its chain, that is shown to a server that asks for one. */
  cert?: string;
  /** PEM of its private key. */
  key?: string;
  passphrase?: string;
  /** Default: the one of this process. */
  resolve?: Resolve;
};

const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Public unicast only: an allow rule, so a range invented tomorrow is refused by default. An IPv6 form that carries an
 * IPv4 address (NAT64, 6to4, Teredo, ::a.b.c.d) is refused whatever it carries; only ::ffff:a.b.c.d is read as a.b.c.d.
 */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false;
  const parsed = parse(address);
  if (parsed.kind() === 'ipv6' && !parsed.match(GLOBAL_UNICAST)) return false;
  return parsed.range() === 'unicast';
}

const KNOWN = bound({
  name: "hosts whose place on the operator's list is known",
  entries: 1_000,
  bytes: 1024 * 1024,
  atBound: 'the host asked for longest ago is looked up in the list again',
});

/** Whether the operator's list covers this host name or address at this port. */
export type Exemption = (host: string, port: number) => boolean;

/** @throws TielineError `config_invalid` for an entry that is neither a host, an address nor a range. */
export function exemption(policy: NetworkPolicy): Exemption {
  const entries = policy.allowPrivate.map(readEntry);
  const known = new BoundedMap<boolean>(KNOWN, () => 4);
  return (host, port) => {
    const place = `${host} ${port}`;
    let covered = known.get(place);
    if (covered === undefined) {
      covered = entries.some((it) => (it.port === undefined || it.port === port) && it.covers(host));
      known.set(place, covered);
    }
    return covered;
  };
}

/** An agent that connects to public addresses and the operator's exemptions, and only to an address it has checked. */
export function guardedAgent(policy: NetworkPolicy, options: GuardOptions = {}): Agent {
  const exempt = exemption(policy);
  const connect = (origin: URL) => {
    const detour = detourOf(policy, origin);
    return detour ? connectorBy(detour, origin, options) : connectorTo(origin, exempt, options);
  };
  const { Agent, Pool } = undici();
  return new Agent({
    pipelining: 1,
    factory: (origin, rest) => new Pool(origin, { ...rest, connect: connect(new URL(origin)) }),
  });
}

export function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : 80;
}

/** The host of a URL as the socket sees it: `[::1]` is `::1`. */
export function hostnameOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

/** @throws TielineError `config_invalid` for a detour that is no `address:port`. */
function detourOf({ connectTo = {} }: NetworkPolicy, origin: URL): URL | undefined {
  const host = hostnameOf(origin);
  const found = connectTo[`${host}:${portOf(origin)}`] ?? connectTo[host];
  if (found === undefined) return undefined;
  const url = URL.canParse(`http://${found}`) ? new URL(`http://${found}`) : undefined;
  if (url && url.host !== '' && `${url.hostname}:${portOf(url)}` === found.toLowerCase()) return url;
  throw new TielineError('config_invalid', `network.connectTo leads ${host} to "${found}"`, {
    hint: 'Write it as address:port.',
  });
}

/** The operator names the address, so that there is nothing to check. */
function connectorBy(detour: URL, origin: URL, options: GuardOptions): buildConnector.connector {
  const connect = undici().buildConnector({ timeout: options.connectTimeoutMs ?? 5_000, ...materialOf(options) });
  const [hostname, port] = [hostnameOf(detour), String(portOf(detour))];
  const name = hostnameOf(origin);
  return (target, done) => connect({ ...target, hostname, port, ...(isIP(name) === 0 && { servername: name }) }, done);
}

const materialOf = ({ ca, cert, key, passphrase }: GuardOptions) =>
  Object.fromEntries(Object.entries({ ca, cert, key, passphrase }).filter(([, it]) => it !== undefined));

function connectorTo(origin: URL, exempt: Exemption, options: GuardOptions): buildConnector.connector {
  const { connectTimeoutMs = 5_000, resolve = systemResolver } = options;
  const host = hostnameOf(origin);
  const port = portOf(origin);
  const permitted = (address: string): boolean =>
    exempt(host, port) || exempt(address, port) || (isPublicAddress(address) && isWebPort(port));

  const checked = async (hostname: string): Promise<LookupAddress[]> => {
    const beganAt = performance.now();
    const isNamed = exempt(host, port);
    const found = await resolve(hostname, isNamed).catch((error: NodeJS.ErrnoException) => {
      // Of a host that the operator has named there is no secret whether it is there.
      if (error.code !== 'ENOTFOUND' || isNamed) throw error;
      return [];
    });
    // One bad answer refuses the name: picking the good one would let an attacker retry.
    if (found.length > 0 && found.every((it) => permitted(it.address))) return [...found];
    await evenly(beganAt);
    throw refusedHost(host, found);
  };
  const lookup: LookupFunction = (hostname, { all }, done) => {
    checked(hostname).then(
      (found) => {
        const [first] = found;
        if (all || first === undefined) return done(null, found);
        done(null, first.address, first.family);
      },
      (error) => done(error, []),
    );
  };

  const connect = undici().buildConnector({ timeout: connectTimeoutMs, lookup, ...materialOf(options) });
  return (target, done) => {
    // A literal address never reaches `lookup`, so it is checked here.
    if (isIP(host) !== 0 && !permitted(host)) return done(refusedHost(host), null);
    connect(target, done);
  };
}

/** Below 1024 live SSH, SMTP and the like, which can be talked into acting on an HTTP request. */
function isWebPort(port: number): boolean {
  return port === 80 || port === 443 || port >= 1024;
}

type Entry = { port?: number; covers(host: string): boolean };

function readEntry(text: string): Entry {
  if (ipaddr.IPv4.isValidCIDRFourPartDecimal(text) || ipaddr.IPv6.isValidCIDR(text)) {
    return { covers: within(ipaddr.parseCIDR(text)) };
  }
  const entry = isIPv6(text) ? `[${text}]` : text;
  if (!/^(?:\[[^\]]+\]|[^\s:/?#@\\[\]]+)(?::\d+)?$/.test(entry) || !URL.canParse(`http://${entry}`)) {
    throw new TielineError('config_invalid', `"${text}" is not a host, host:port, address or address range`);
  }
  const host = hostnameOf(new URL(`http://${entry}`));
  const port = /:(\d+)$/.exec(entry)?.[1];
  return { covers: isIP(host) === 0 ? (it) => it === host : isAddress(host), ...(port && { port: Number(port) }) };
}

/** ipaddr.js takes `::8.8.8.8` for `::ffff:8.8.8.8`, so IPv6 is brought into URL form, without dots, first. */
function parse(address: string): ReturnType<typeof ipaddr.process> {
  const [unscoped = ''] = address.split('%');
  return ipaddr.process(isIPv6(address) ? hostnameOf(new URL(`http://[${unscoped}]`)) : address);
}

function isAddress(text: string): (host: string) => boolean {
  const address = parse(text);
  return within([address, address.kind() === 'ipv4' ? 32 : 128]);
}

function within(range: ReturnType<typeof ipaddr.parseCIDR>): (host: string) => boolean {
  return (host) => {
    if (isIP(host) === 0) return false;
    const address = parse(host);
    return address.kind() === range[0].kind() && address.match(range);
  };
}
