import type { JsonWebKey, KeyObject } from 'node:crypto';
import type { TielineError } from '../../errors.ts';
import { parseJson } from '../../json.ts';
import { isPem, privateKeyOf, type SecretEncoding, secretBytes, unfit } from './key.ts';

export type JwtAlgorithm = 'HS256' | 'HS384' | 'HS512' | 'RS256' | 'PS256' | 'ES256' | 'EdDSA';

export type JwtSpec = {
  readonly alg: JwtAlgorithm;
  /** For HS a shared secret, else a private key in PEM; or a JWK, as object or JSON. */
  readonly key: string | JsonWebKey;
  /** How a shared secret is spelled. Default `utf8`: its text is the key. */
  readonly keyEncoding?: SecretEncoding | undefined;
  /** Default: the one of the JWK. */
  readonly kid?: string | undefined;
  /** Also those that are made here (`iat`, `exp`, `iss`, `sub`, `aud`, `jti`), which they replace. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
  readonly ttlSeconds: number;
  readonly audience?: string | readonly string[] | undefined;
  readonly issuer?: string | undefined;
  readonly subject?: string | undefined;
};

/**
 * A signed JWT (RFC 7519), issued now.
 *
 * @throws TielineError `arguments_invalid` when the key does not fit the algorithm. Nothing of the key is in it.
 */
export async function signJwt(
  spec: JwtSpec,
  { nowSeconds, jti }: { nowSeconds: number; jti?: string | undefined },
): Promise<string> {
  const iat = Math.floor(nowSeconds);
  const claims = {
    iss: spec.issuer,
    sub: spec.subject,
    aud: spec.audience,
    iat,
    exp: iat + spec.ttlSeconds,
    jti,
    ...spec.claims,
  };
  const { key, kid } = signingKey(spec);
  const { CompactSign } = await import('jose'); // its files are for those who sign
  const token = new CompactSign(Buffer.from(JSON.stringify(claims)));
  token.setProtectedHeader({ alg: spec.alg, typ: 'JWT', ...(kid !== undefined && { kid }) });
  try {
    return await token.sign(key);
  } catch {
    // Without the cause, so that no message of a library can quote the key.
    throw mismatch(spec.alg);
  }
}

const NEEDED = {
  HS256: 'a shared secret',
  HS384: 'a shared secret',
  HS512: 'a shared secret',
  RS256: 'an RSA private key of at least 2048 bits in PEM or JWK',
  PS256: 'an RSA private key of at least 2048 bits in PEM or JWK',
  ES256: 'a P-256 private key in PEM or JWK',
  EdDSA: 'an Ed25519 private key in PEM or JWK',
} as const satisfies Record<JwtAlgorithm, string>;

const mismatch = (alg: JwtAlgorithm): TielineError =>
  unfit(`the signing key does not fit ${alg}: it needs ${NEEDED[alg]}`);

function signingKey({ alg, key, keyEncoding, kid }: JwtSpec): { key: KeyObject | Uint8Array; kid: string | undefined } {
  const jwk = typeof key === 'string' ? parsedJwk(key) : key;
  // RFC 7517 §4.4: a key may say what it is for.
  if (jwk?.alg !== undefined && jwk.alg !== alg) throw mismatch(alg);
  const id = kid ?? (typeof jwk?.kid === 'string' ? jwk.kid : undefined);
  if (!alg.startsWith('HS')) return { key: privateKeyOf(jwk ?? String(key), NEEDED[alg]), kid: id };
  // A public key that serves as a secret is one that everybody has (CVE-2015-9235).
  if (typeof key === 'string' && isPem(key)) throw mismatch(alg);
  if (!jwk) return { key: secretBytes(String(key), keyEncoding), kid: id };
  if (jwk.kty !== 'oct' || typeof jwk.k !== 'string') throw mismatch(alg);
  return { key: secretBytes(jwk.k, 'base64url'), kid: id };
}

/** The JWK that a text holds, or undefined if it holds none. */
function parsedJwk(text: string): JsonWebKey | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    const value: unknown = parseJson(text);
    return isJwk(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isJwk = (value: unknown): value is JsonWebKey =>
  typeof value === 'object' && value !== null && 'kty' in value && typeof value.kty === 'string';
