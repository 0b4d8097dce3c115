import { createHash } from 'node:crypto';
import { TielineError } from '../../errors.ts';
import type { HttpRequest } from '../../network/send.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { withHeader } from './header.ts';
import { percentEncode } from './percent.ts';
import { quoted } from './quoted.ts';

export type DigestCredentials = {
  readonly username: string;
  readonly password: string;
  /** The WWW-Authenticate header of the 401. */
  readonly challenge: string;
};

/** RFC 7616 §6.1, by the names of node:crypto. */
const HASHES: ReadonlyMap<string, string> = new Map([
  ['md5', 'md5'],
  ['sha-256', 'sha256'],
  ['sha-512-256', 'sha512-256'],
]);

/**
 * The request with the answer to the first Digest challenge that can be answered (RFC 7616 §3.7): MD5, SHA-256 and
 * SHA-512-256, each also as `-sess`, with `qop=auth` or, as in RFC 2069, none. `count` grows by one with each request
 * that answers the same challenge. Default 1.
 *
 * @throws TielineError `upstream_invalid` when there is no such challenge.
 */
export function signDigest(
  request: HttpRequest,
  { username, password, challenge }: DigestCredentials,
  { cnonce, count = 1 }: { cnonce: string; count?: number | undefined },
): HttpRequest {
  const chosen = parseChallenges(challenge).find(isAnswerable);
  if (!chosen) {
    throw new TielineError('upstream_invalid', 'the provider offers no HTTP Digest challenge that can be answered');
  }
  const { parameters } = chosen;
  const realm = parameters.get('realm') ?? '';
  const nonce = parameters.get('nonce') ?? '';
  const opaque = parameters.get('opaque');
  const hash = hashOf(parameters);
  const uri = request.url.pathname + request.url.search;
  const nc = count.toString(16).padStart(8, '0');
  const hasQop = parameters.has('qop');

  const secret = hash(`${username}:${realm}:${password}`);
  const a1 = isSession(parameters) ? hash(`${secret}:${nonce}:${cnonce}`) : secret;
  const a2 = hash(`${request.method}:${uri}`);
  const response = hash([a1, nonce, ...(hasQop ? [nc, cnonce, 'auth'] : []), a2].join(':'));

  const fields = [
    nameField(username, parameters.get('userhash') === 'true' ? hash(`${username}:${realm}`) : undefined),
    `realm=${quoted(realm)}`,
    `uri=${quoted(uri)}`,
    parameters.has('algorithm') && `algorithm=${parameters.get('algorithm')}`,
    `nonce=${quoted(nonce)}`,
    hasQop && `nc=${nc}`,
    (hasQop || isSession(parameters)) && `cnonce=${quoted(cnonce)}`,
    hasQop && 'qop=auth',
    `response="${response}"`,
    opaque !== undefined && `opaque=${quoted(opaque)}`,
    parameters.get('userhash') === 'true' && 'userhash=true',
  ].filter((it) => it !== false);
  return { ...request, headers: withHeader(request.headers, 'authorization', `Digest ${fields.join(', ')}`) };
}

/** Whether `signDigest` can answer this WWW-Authenticate header. */
export const canAnswer = (challenge: string): boolean => parseChallenges(challenge).some(isAnswerable);

function isAnswerable({ scheme, parameters }: Challenge): boolean {
  const qop = parameters
    .get('qop')
    ?.toLowerCase()
    .split(/[\s,]+/);
  const isKnown = HASHES.has(algorithmOf(parameters).replace(/-sess$/, ''));
  return scheme === 'digest' && isKnown && parameters.has('nonce') && (qop?.includes('auth') ?? true);
}

const algorithmOf = (parameters: Challenge['parameters']): string =>
  parameters.get('algorithm')?.toLowerCase() ?? 'md5';

const isSession = (parameters: Challenge['parameters']): boolean => algorithmOf(parameters).endsWith('-sess');

function hashOf(parameters: Challenge['parameters']): (text: string) => string {
  const name = HASHES.get(algorithmOf(parameters).replace(/-sess$/, '')) ?? 'md5';
  return (text) => createHash(name).update(text, 'utf8').digest('hex');
}

/** RFC 7616 §3.4: a name that ASCII cannot spell is sent in the form of RFC 8187. */
function nameField(username: string, hashed: string | undefined): string {
  if (hashed !== undefined) return `username="${hashed}"`;
  if (/^[\x20-\x7e]*$/.test(username)) return `username=${quoted(username)}`;
  return `username*=UTF-8''${percentEncode(username)}`;
}
