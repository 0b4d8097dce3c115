import { promises as dns, type LookupAddress } from 'node:dns';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { BoundedMap, bound } from '../bounded.ts';
import { Turnover } from '../turnover.ts';
import { openHosts } from './hosts.ts';

/**
 * Every address of a host name; rejects as `dns.lookup` does. `isNamed`: the operator has named this host, so that the
 * system may know it where name servers do not.
 */
export type Resolve = (hostname: string, isNamed?: boolean) => Promise<readonly LookupAddress[]>;

export type ResolverOptions = {
  /** Name servers, as `address` or `address:port`. Default: those of the system, as they are at each look-up. */
  readonly servers?: readonly string[];
  /** Default: that of the system. */
  readonly hosts?: string;
  /** Domains in which a name is looked for too. Default: those of /etc/resolv.conf. */
  readonly search?: readonly string[];
  /** The longest that a look-up may take, in milliseconds. Default 5,000. */
  readonly ms?: number;
  /** How many may be under way. Default 256. */
  readonly most?: number;
  /** What asks the system. Default: `dns.lookup`. */
  readonly askSystem?: Resolve;
};

const ANSWERS = bound({
  name: 'addresses of host names',
  entries: 2_000,
  bytes: 2 * 1024 * 1024,
  ms: 30_000,
  atBound: 'the name asked for longest ago is looked up again',
});
/** Seconds for which an answer is kept, at most: that there is none, and that nobody answered. */
const NO_SUCH_NAME_S = 5;
const NO_ANSWER_S = 2;
/** How long the other kind of addresses may take when one is known. */
const OTHER_KIND_MS = 1_000;
const MOST_ADDRESSES = 64;
const LONGEST_NAME = 253;

type Answer = { readonly found: readonly LookupAddress[] } | { readonly code: 'ENOTFOUND' | 'EAI_AGAIN' };
type Kept = { readonly answer: Answer; readonly until: number };
type Asked = { readonly answer: Answer; readonly ttl: number };

/**
 * Looks names up without the threads on which files and the store are read: those of the hosts file, then at the name
 * servers. `getaddrinfo` holds one of few threads for as long as a name server is silent, and cannot be ended; here each
 * look-up has sockets of its own, a time, and a place that it loses to others when it holds on to it for too long.
 *
 * The system itself is asked where name servers have no such name and it may know it all the same (mDNS, the name of
 * this machine, what the operator has named), one name at a time.
 */
export function openResolver(options: ResolverOptions = {}): Resolve {
  const { ms = 5_000, most = 256, askSystem = lookup, servers } = options;
  const hosts = openHosts(options.hosts);
  const kept = new BoundedMap<Kept>(ANSWERS, ({ answer }) => 40 + ('found' in answer ? 120 * answer.found.length : 0));
  const underWay = new Map<string, Promise<Answer>>();
  const asking = new Turnover(most);
  const atSystem = new Turnover(1);

  async function look(name: string, isNamed: boolean): Promise<Answer> {
    const asked = await asking
      .run(domainOf(name), ms, (signal) =>
        askServers(name, searched(name, options.search ?? searchList()), servers, signal),
      )
      .catch((): Asked => ({ answer: { code: 'EAI_AGAIN' }, ttl: NO_ANSWER_S }));
    const known = 'code' in asked.answer && (isNamed || isNearby(name)) ? await fromSystem(name, asked) : asked;
    if (known.ttl > 0) kept.set(name, { answer: known.answer, until: performance.now() + known.ttl * 1_000 });
    return known.answer;
  }

  async function fromSystem(name: string, asked: Asked): Promise<Asked> {
    try {
      const found = await atSystem.run('', ms, () => askSystem(name));
      return found.length === 0 ? asked : { answer: { found }, ttl: NO_SUCH_NAME_S };
    } catch {
      return asked;
    }
  }

  return async (hostname, isNamed = false) => {
    const name = nameOf(hostname);
    if (name === undefined) throw failure({ code: 'ENOTFOUND' }, hostname);
    const family = isIP(name);
    if (family !== 0) return [{ address: name, family }];
    const written = hosts.find(name) ?? (/(?:^|\.)localhost$/.test(name) ? LOOPBACK : undefined);
    if (written) return written.map((address) => ({ address, family: isIP(address) }));
    const known = kept.get(name);
    let answer = known && known.until > performance.now() ? known.answer : undefined;
    if (!answer) {
      let looking = underWay.get(name);
      if (!looking) {
        looking = look(name, isNamed).finally(() => underWay.delete(name));
        underWay.set(name, looking);
      }
      answer = await looking;
    }
    if ('found' in answer) return answer.found;
    throw failure(answer, name);
  };
}

let ofSystem: Resolve | undefined;

/** The one of this process, which all connections share. */
export const systemResolver: Resolve = (hostname, isNamed) => {
  ofSystem ??= openResolver();
  return ofSystem(hostname, isNamed);
};

/** RFC 6761 §6.3. */
const LOOPBACK = ['127.0.0.1', '::1'];

const lookup: Resolve = (name) => dns.lookup(name, { all: true });

/** As name servers know it; undefined for what can be none. */
function nameOf(hostname: string): string | undefined {
  const name = (/^[\x20-\x7e]*$/.test(hostname) ? hostname : domainToASCII(hostname)).toLowerCase().replace(/\.$/, '');
  return name !== '' && name.length <= LONGEST_NAME && !/[\s\0]/.test(name) ? name : undefined;
}

/** Names of one label, and what mDNS serves (RFC 6762 §3). */
const isNearby = (name: string): boolean => !name.includes('.') || name.endsWith('.local');

/** Whose name server it is, roughly: the last two labels. */
const domainOf = (name: string): string => name.split('.').slice(-2).join('.');

/** A name of several labels is taken as it is first, so that no other domain can stand in for one that exists. */
function searched(name: string, search: readonly string[]): readonly string[] {
  const inDomains = search.map((it) => `${name}.${it}`).filter((it) => it.length <= LONGEST_NAME);
  return name.includes('.') ? [name, ...inDomains] : [...inDomains, name];
}

const MOST_DOMAINS = 6;

/** resolv.conf(5): the last of the lines counts. */
function searchList(): readonly string[] {
  if (process.platform === 'win32') return [];
  try {
    const lines = readFileSync('/etc/resolv.conf', 'utf8').matchAll(/^[ \t]*(?:search|domain)[ \t]+(.+)$/gm);
    const domains = [...lines].at(-1)?.[1]?.trim().split(/\s+/) ?? [];
    return domains
      .map((it) => it.replace(/\.$/, '').toLowerCase())
      .filter((it) => it !== '')
      .slice(0, MOST_DOMAINS);
  } catch {
    return [];
  }
}

/** The first of the names that there is. */
async function askServers(
  name: string,
  names: readonly string[],
  servers: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<Asked> {
  const resolver = new dns.Resolver({ timeout: 800, tries: 4 });
  if (servers) resolver.setServers([...servers]);
  signal.addEventListener('abort', () => resolver.cancel(), { once: true });
  let worst: Asked = { answer: { code: 'ENOTFOUND' }, ttl: NO_SUCH_NAME_S };
  for (const it of names) {
    const asked = await askBoth(resolver, it);
    if ('found' in asked.answer) return asked;
    // Nobody knows then whether there is such a name; another domain must not stand in for it.
    if (asked.answer.code === 'EAI_AGAIN') {
      worst = asked;
      if (it === name) break;
    }
    if (signal.aborted) break;
  }
  resolver.cancel();
  return worst;
}

type Records = readonly { readonly address: string; readonly ttl: number }[];

/** Both kinds of addresses. IPv4 comes first: whoever connects tries the other kind next where there is no way to it. */
async function askBoth(resolver: dns.Resolver, name: string): Promise<Asked> {
  const kinds = [resolver.resolve4(name, { ttl: true }), resolver.resolve6(name, { ttl: true })] as const;
  let timer: NodeJS.Timeout | undefined;
  const patient = (other: Promise<unknown>): Promise<void> =>
    new Promise((resolve) => {
      // Some name servers never answer for the kind they do not have.
      timer ??= setTimeout(resolve, OTHER_KIND_MS);
      other.then(
        () => resolve(),
        () => resolve(),
      );
    });
  const either = kinds.map((it, i) => it.then(() => patient(kinds[1 - i] ?? it)));
  await Promise.any([...either, Promise.allSettled(kinds)]);
  clearTimeout(timer);
  const settled = await Promise.all(kinds.map((it) => settledNow(it)));
  const records = settled.flatMap((it) => (Array.isArray(it) ? it : [])).slice(0, MOST_ADDRESSES);
  if (records.length > 0) {
    const found = records.map(({ address }) => ({ address, family: isIP(address) }));
    return { answer: { found }, ttl: Math.min(...records.map((it) => it.ttl)) };
  }
  const isUnknown = settled.every((it) => it === 'ENOTFOUND' || it === 'ENODATA' || it === 'EBADNAME');
  return isUnknown
    ? { answer: { code: 'ENOTFOUND' }, ttl: NO_SUCH_NAME_S }
    : { answer: { code: 'EAI_AGAIN' }, ttl: NO_ANSWER_S };
}

/** What has come so far: the records, the code of a failure, or undefined. */
function settledNow(work: Promise<Records>): Promise<Records | string | undefined> {
  const come = work.catch((error: NodeJS.ErrnoException) => error.code ?? '');
  return Promise.race([come, new Promise<undefined>((resolve) => setImmediate(resolve, undefined))]);
}

const failure = ({ code }: { readonly code: string }, name: string): Error =>
  Object.assign(new Error(`${code === 'ENOTFOUND' ? 'there is no' : 'nobody answers for'} ${name}`), {
    code,
    hostname: name,
  });
