import type { IncomingMessage } from 'node:http';
import { countedAddress, isInternal, isWithin, readAddress, readRange } from '../addresses.ts';
import { TielineError } from '../errors.ts';
import { log } from '../log.ts';

/**
 * The address that a request comes from, as it is counted: IPv6 by its network of 64 bits. It is that of the connection,
 * and behind proxies that are trusted the one for which they speak.
 */
export type RemoteAddress = (incoming: Pick<IncomingMessage, 'socket' | 'headers'>) => string;

/** Hops beyond these are not looked at. */
const MOST_HOPS = 32;

/**
 * Reads `Forwarded` (RFC 7239) and `X-Forwarded-For` from the right, where each proxy adds whom it was asked by, as far
 * as the hops are trusted; `trusted` holds addresses and CIDR ranges. Where both headers are there and say different
 * things, one of them is not the proxy's, and neither is believed. Throws `config_invalid`.
 */
export function remoteAddressBehind(trusted: readonly string[]): RemoteAddress {
  const ranges = trusted.map((text) => readRange(text) ?? malformed(text));
  let isWarned = false;

  function originOf(peer: string, hops: readonly string[]): string {
    let origin = peer;
    for (const hop of hops) {
      const address = readAddress(hop);
      if (!address) break; // `unknown`, or a name of the proxy's own: nobody closer to the client is known
      origin = countedAddress(address);
      if (!isWithin(address, ranges)) break;
    }
    return origin;
  }

  return ({ socket, headers }) => {
    const address = readAddress(socket.remoteAddress ?? '');
    if (!address) return 'unknown';
    const peer = countedAddress(address);
    const list = textOf(headers['x-forwarded-for']);
    if (!isWithin(address, ranges)) {
      if (!isWarned && list !== undefined && isInternal(address)) {
        isWarned = true;
        log.warn('requests come through a proxy that is not trusted, so that all its clients count as one', {
          proxy: address.toString(),
          hint: 'Name it in config.yaml: server.trustedProxies',
        });
      }
      return peer;
    }
    const forwarded = textOf(headers.forwarded);
    const byList = list === undefined ? undefined : originOf(peer, hopsOfList(list));
    const byForwarded = forwarded === undefined ? undefined : originOf(peer, hopsOfForwarded(forwarded));
    if (byList !== undefined && byForwarded !== undefined && byList !== byForwarded) return peer;
    return byForwarded ?? byList ?? peer;
  };
}

/** Node joins headers that come twice, of all but a few names. */
const textOf = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header.join(', ') : header;

/** The last ones, from the right. */
const hopsOfList = (text: string): readonly string[] =>
  text
    .split(',')
    .slice(-MOST_HOPS)
    .reverse()
    .map((it) => withoutPort(it.trim()));

/** The same of `Forwarded`; '' for an element that does not say for whom. */
function hopsOfForwarded(text: string): readonly string[] {
  return splitOutside(text, ',')
    .slice(-MOST_HOPS)
    .reverse()
    .map((element) => {
      for (const pair of splitOutside(element, ';')) {
        const at = pair.indexOf('=');
        if (at === -1 || pair.slice(0, at).trim().toLowerCase() !== 'for') continue;
        const value = pair.slice(at + 1).trim();
        const isQuoted = value.length > 1 && value.startsWith('"') && value.endsWith('"');
        return withoutPort(isQuoted ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value);
      }
      return '';
    });
}

/** Splits at a character that does not stand within quotes. */
function splitOutside(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const it = text[at];
    if (it === '\\' && isQuoted) at += 1;
    else if (it === '"') isQuoted = !isQuoted;
    else if (it === separator && !isQuoted) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** `192.0.2.1:4711` and `[2001:db8::1]:4711` without the port. */
function withoutPort(text: string): string {
  const [, bracketed] = /^\[([^\]]*)\](?::\d+)?$/.exec(text) ?? [];
  return bracketed ?? text.replace(/^([\d.]+):\d+$/, '$1');
}

function malformed(text: string): never {
  throw new TielineError(
    'config_invalid',
    `server.trustedProxies: ${JSON.stringify(text)} is no address and no range`,
    {
      hint: 'Write addresses such as 10.0.0.7 or ranges such as 10.0.0.0/8.',
    },
  );
}
