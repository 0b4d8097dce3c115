import { createHmac, sign } from 'node:crypto';
import type { HttpRequest } from '../../network/send.ts';
import { headerOf, withHeader } from './header.ts';
import { privateKeyOf, unfit } from './key.ts';
import { percentEncode, withQuery } from './percent.ts';
import { quoted } from './quoted.ts';

export type OAuth1Credentials = {
  readonly consumerKey: string;
  /** Empty where RSA-SHA1 replaces it. */
  readonly consumerSecret: string;
  readonly token?: string | undefined;
  readonly tokenSecret?: string | undefined;
  readonly signatureMethod: 'HMAC-SHA1' | 'HMAC-SHA256' | 'RSA-SHA1' | 'PLAINTEXT';
  /** PEM. For RSA-SHA1. */
  readonly privateKey?: string | undefined;
  /** Only a header can carry it. */
  readonly realm?: string | undefined;
  /** Where the user comes back to, or `oob`; for the request of temporary credentials (§2.1). */
  readonly callback?: string | undefined;
  /** For the request of token credentials (§2.3). */
  readonly verifier?: string | undefined;
  /** Default true: `oauth_version=1.0`, which the RFC leaves to the client. */
  readonly version?: boolean | undefined;
  /** Where the parameters go. Default the header. */
  readonly place?: 'header' | 'query' | undefined;
};

type Parameter = readonly [name: string, value: string];

/**
 * The request with the parameters and signature of OAuth 1.0 (RFC 5849). Query and form body must not change after.
 *
 * @throws TielineError `arguments_invalid` when RSA-SHA1 has no RSA private key.
 */
export function signOAuth1(
  request: HttpRequest,
  credentials: OAuth1Credentials,
  { nowSeconds, nonce }: { nowSeconds: number; nonce: string },
): HttpRequest {
  const { consumerKey, token, signatureMethod, callback, verifier, version = true, place, realm } = credentials;
  const unsigned: Parameter[] = [
    ['oauth_consumer_key', consumerKey],
    ['oauth_signature_method', signatureMethod],
    ['oauth_timestamp', String(Math.floor(nowSeconds))],
    ['oauth_nonce', nonce],
  ];
  if (token !== undefined) unsigned.push(['oauth_token', token]);
  if (callback !== undefined) unsigned.push(['oauth_callback', callback]);
  if (verifier !== undefined) unsigned.push(['oauth_verifier', verifier]);
  if (version) unsigned.push(['oauth_version', '1.0']);
  const signature = signatureOf(signatureBase(request, unsigned), credentials);
  const signed: Parameter[] = [...unsigned, ['oauth_signature', signature]];
  if (place === 'query') return { ...request, url: withQuery(request.url, signed) };
  // §3.5.1. The realm is none of the parameters and so not percent-encoded.
  const fields = signed.map(([name, value]) => `${name}="${percentEncode(value)}"`);
  if (realm !== undefined) fields.unshift(`realm=${quoted(realm)}`);
  return { ...request, headers: withHeader(request.headers, 'authorization', `OAuth ${fields.join(', ')}`) };
}

/** What is signed (§3.4.1): method, address and all parameters of query, form body and protocol. */
export function signatureBase(request: HttpRequest, protocol: readonly Parameter[]): string {
  const { method, url } = request;
  // `host` is in lower case and without the scheme's own port, as §3.4.1.2 wants it.
  const address = `${url.protocol}//${url.host}${url.pathname}`;
  const parameters = [...encodedPairs(Buffer.from(url.search.slice(1))), ...encodedPairs(formBody(request))]
    .concat(protocol.map(([name, value]) => [percentEncode(name), percentEncode(value)]))
    .filter(([name]) => name !== 'oauth_signature')
    .sort(([nameA, valueA], [nameB, valueB]) => compare(nameA, nameB) || compare(valueA, valueB))
    .map((pair) => pair.join('='));
  return [method.toUpperCase(), percentEncode(address), percentEncode(parameters.join('&'))].join('&');
}

/** §3.4.1.3.1: only a body that says it is a form counts. */
function formBody({ headers, body }: HttpRequest): Buffer {
  const isForm = /^\s*application\/x-www-form-urlencoded\s*(?:;|$)/i.test(headerOf(headers, 'content-type') ?? '');
  return isForm && (typeof body === 'string' || body instanceof Uint8Array) ? Buffer.from(body) : Buffer.alloc(0);
}

/** The pairs of a form, decoded and encoded anew (§3.4.1.3.2), in bytes: not every API speaks UTF-8. */
function encodedPairs(form: Buffer): [string, string][] {
  const parts = form.toString('latin1').split('&');
  return parts
    .filter((part) => part !== '')
    .map((part) => {
      const [name = '', ...value] = part.split('=');
      return [percentEncode(decoded(name)), percentEncode(decoded(value.join('=')))];
    });
}

function decoded(text: string): Buffer {
  const spaced = text.replaceAll('+', ' ');
  const plain = spaced.replace(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(plain, 'latin1');
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function signatureOf(base: string, credentials: OAuth1Credentials): string {
  const { consumerSecret, tokenSecret = '', signatureMethod, privateKey = '' } = credentials;
  if (signatureMethod === 'RSA-SHA1') {
    const key = privateKeyOf(privateKey, 'an RSA private key in PEM');
    if (key.asymmetricKeyType !== 'rsa') throw unfit('RSA-SHA1 needs an RSA private key');
    return sign('sha1', Buffer.from(base), key).toString('base64');
  }
  const secret = `${percentEncode(consumerSecret)}&${percentEncode(tokenSecret)}`;
  if (signatureMethod === 'PLAINTEXT') return secret;
  const hash = signatureMethod === 'HMAC-SHA1' ? 'sha1' : 'sha256';
  return createHmac(hash, secret).update(base).digest('base64');
}
