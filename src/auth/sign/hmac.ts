import { createHmac } from 'node:crypto';
import type { HttpRequest } from '../../network/send.ts';
import { withHeader } from './header.ts';
import { type SecretEncoding, secretBytes } from './key.ts';
import { withQuery } from './percent.ts';

export type HmacSignature = {
  readonly algorithm: 'md5' | 'sha1' | 'sha256' | 'sha512';
  readonly key: string;
  /** How the key is spelled. Default `utf8`: its text is the key. */
  readonly keyEncoding?: SecretEncoding | undefined;
  /** What is signed, already evaluated. */
  readonly content: string | Uint8Array;
  readonly encoding: 'hex' | 'base64' | 'base64url';
  /** Stands right before the signature: `sha256=`, `HMAC `. Default empty. */
  readonly prefix?: string | undefined;
} & Place;

/** The name of the header or of the query parameter that carries the signature. */
type Place =
  | { readonly header: string; readonly query?: undefined }
  | { readonly query: string; readonly header?: undefined };

/**
 * The request with an HMAC (RFC 2104) of the content in a header or at the end of the query.
 *
 * @throws TielineError `arguments_invalid` when the key is empty or not spelled as it should be.
 */
export function signHmac(request: HttpRequest, signature: HmacSignature): HttpRequest {
  const { algorithm, key, keyEncoding, content, encoding, prefix = '' } = signature;
  const hmac = createHmac(algorithm, secretBytes(key, keyEncoding)).update(content).digest(encoding);
  const value = prefix + hmac;
  if (signature.header === undefined) return { ...request, url: withQuery(request.url, [[signature.query, value]]) };
  return { ...request, headers: withHeader(request.headers, signature.header, value) };
}
