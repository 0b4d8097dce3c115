import { createPrivateKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { TielineError } from '../../errors.ts';

export type SecretEncoding = 'utf8' | 'hex' | 'base64' | 'base64url';

const SPELLED: Readonly<Record<SecretEncoding, RegExp>> = {
  utf8: /./s,
  hex: /^(?:[\da-f]{2})+$/i,
  base64: /^[\w+/-]+=*$/,
  base64url: /^[\w+/-]+=*$/,
};

/** The bytes of a shared secret. Throws `arguments_invalid` where there are none: Node would sign with an empty key. */
export function secretBytes(text: string, encoding: SecretEncoding = 'utf8'): Buffer {
  if (!SPELLED[encoding].test(text)) throw unfit(`the signing secret is empty or not in ${encoding}`);
  return Buffer.from(text, encoding);
}

/**
 * The private key in a PEM (PKCS#8, PKCS#1 or SEC 1) or a JWK. Throws `arguments_invalid` without the reason that
 * Node gives, as that may quote the key.
 */
export function privateKeyOf(key: string | JsonWebKey, needed: string): KeyObject {
  try {
    return typeof key === 'string' ? createPrivateKey(unfolded(key)) : createPrivateKey({ key, format: 'jwk' });
  } catch {
    throw unfit(`the signing key cannot be read as ${needed}`);
  }
}

export const isPem = (text: string): boolean => text.includes('-----BEGIN ');

export function unfit(message: string): TielineError {
  return new TielineError('arguments_invalid', message, { hint: 'Connect the account again with the right key.' });
}

/** A PEM copied out of JSON or an environment variable has its line ends spelled `\n`. */
const unfolded = (pem: string): string => pem.replaceAll('\\r', '').replaceAll('\\n', '\n').trim();
