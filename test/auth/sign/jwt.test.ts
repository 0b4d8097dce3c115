import { constants, createHmac, generateKeyPairSync, type JsonWebKey, type KeyObject, verify } from 'node:crypto';
import { inspect } from 'node:util';
import { jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { type JwtAlgorithm, type JwtSpec, signJwt } from '../../../src/auth/sign/jwt.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const ed25519 = generateKeyPairSync('ed25519');
const SECRET = 'a shared secret of more than 64 characters, for which HS512 is glad: ½';

const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const jwk = (key: KeyObject): JsonWebKey => key.export({ format: 'jwk' });
const pairs = { RS256: rsa, PS256: rsa, ES256: p256, EdDSA: ed25519 };
type Asymmetric = keyof typeof pairs;

const clock = { nowSeconds: 1_700_000_000.9, jti: 'id-1' };
const at = { currentDate: new Date(1_700_000_000_000) };
const spec = (alg: JwtAlgorithm, key: JwtSpec['key'], more: Partial<JwtSpec> = {}): JwtSpec => ({
  alg,
  key,
  ttlSeconds: 60,
  ...more,
});

/** RFC 7518 §3, in node:crypto's words. */
function isSigned(alg: Asymmetric, token: string): boolean {
  const [header, payload, signature = ''] = token.split('.');
  const data = Buffer.from(`${header}.${payload}`);
  const bytes = Buffer.from(signature, 'base64url');
  const key = pairs[alg].publicKey;
  if (alg === 'EdDSA') return verify(null, data, key, bytes);
  if (alg === 'ES256') return verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, bytes);
  if (alg === 'RS256') return verify('sha256', data, key, bytes);
  return verify('sha256', data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, bytes);
}

describe('private keys', () => {
  const pkcs1 = rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
  const sec1 = p256.privateKey.export({ type: 'sec1', format: 'pem' }).toString();

  it.each<[Asymmetric, string, JwtSpec['key']]>([
    ...(['RS256', 'PS256', 'ES256', 'EdDSA'] as const).flatMap((alg): [Asymmetric, string, JwtSpec['key']][] => {
      const { privateKey } = pairs[alg];
      return [
        [alg, 'PKCS#8', pem(privateKey)],
        [alg, 'PKCS#8 with its line ends spelled out', pem(privateKey).replaceAll('\n', '\\n')],
        [alg, 'JWK', jwk(privateKey)],
        [alg, 'JWK in JSON', JSON.stringify(jwk(privateKey))],
      ];
    }),
    ['RS256', 'PKCS#1', pkcs1],
    ['ES256', 'SEC 1', sec1],
  ])('%s with %s', async (alg, _, key) => {
    const token = await signJwt(spec(alg, key), clock);
    expect(isSigned(alg, token)).toBe(true);
    const { protectedHeader, payload } = await jwtVerify(token, pairs[alg].publicKey, at);
    expect(protectedHeader).toEqual({ alg, typ: 'JWT' });
    expect(payload).toEqual({ iat: 1_700_000_000, exp: 1_700_000_060, jti: 'id-1' });
  });
});

describe('shared secrets', () => {
  const bytes = Buffer.from(SECRET);
  it.each([
    ['HS256', 'sha256'],
    ['HS384', 'sha384'],
    ['HS512', 'sha512'],
  ] as const)('%s', async (alg, hash) => {
    const oct = { kty: 'oct', k: bytes.toString('base64url') };
    const spellings: JwtSpec[] = [
      spec(alg, SECRET),
      spec(alg, bytes.toString('hex'), { keyEncoding: 'hex' }),
      spec(alg, bytes.toString('base64'), { keyEncoding: 'base64' }),
      spec(alg, oct),
      spec(alg, JSON.stringify(oct)),
    ];
    const tokens = new Set(await Promise.all(spellings.map((it) => signJwt(it, clock))));
    expect(tokens.size).toBe(1);
    const [token = ''] = tokens;
    const signature = createHmac(hash, bytes)
      .update(token.slice(0, token.lastIndexOf('.')))
      .digest('base64url');
    expect(token.split('.')[2]).toBe(signature);
    expect((await jwtVerify(token, bytes, at)).protectedHeader.alg).toBe(alg);
  });

  it('may look like JSON', async () => {
    const token = await signJwt(spec('HS256', '{not a JWK}'), clock);
    await expect(jwtVerify(token, Buffer.from('{not a JWK}'), at)).resolves.toBeDefined();
  });
});

describe('claims', () => {
  const payloadOf = async (more: Partial<JwtSpec>, jti?: string) =>
    (await jwtVerify(await signJwt(spec('HS256', SECRET, more), { ...clock, jti }), Buffer.from(SECRET), at)).payload;

  it('are issuer, subject, audience and one’s own, which win', async () => {
    const named = { issuer: 'app', subject: 'user', audience: ['a', 'b'] };
    expect(await payloadOf({ ...named, claims: { scope: 'x y', deep: { n: [1] } } })).toEqual({
      iss: 'app',
      sub: 'user',
      aud: ['a', 'b'],
      scope: 'x y',
      deep: { n: [1] },
      iat: 1_700_000_000,
      exp: 1_700_000_060,
    });
    expect(await payloadOf({ ...named, claims: { iat: 1_699_999_940, iss: 'other' } }, 'j')).toMatchObject({
      iat: 1_699_999_940,
      iss: 'other',
      jti: 'j',
    });
  });

  it.each([
    ['as given', { ...jwk(p256.privateKey), kid: 'of the key' }, 'given'],
    ['of the JWK', { ...jwk(p256.privateKey), kid: 'of the key' }, undefined],
  ])('kid %s', async (_, key, kid) => {
    const token = await signJwt(spec('ES256', key, { kid }), clock);
    expect((await jwtVerify(token, p256.publicKey, at)).protectedHeader.kid).toBe(kid ?? 'of the key');
  });
});

describe('keys that do not fit', () => {
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
  const publicPem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const locked = rsa.privateKey
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
    .toString();

  it.each<[string, JwtAlgorithm, JwtSpec['key'], Partial<JwtSpec>?]>([
    ['a public key as shared secret', 'HS256', publicPem],
    ['a private key as shared secret', 'HS256', pem(rsa.privateKey)],
    ['a private JWK as shared secret', 'HS256', jwk(rsa.privateKey)],
    ['no shared secret', 'HS256', ''],
    ['hex that is none', 'HS256', 'deadbeefdeadbeefdeadbeefdeadbeef0', { keyEncoding: 'hex' }],
    ['base64 that is none', 'HS256', 'not base64, but a sentence', { keyEncoding: 'base64' }],
    ['a shared secret as private key', 'RS256', SECRET],
    ['a shared secret in a JWK', 'RS256', { kty: 'oct', k: 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0' }],
    ['JSON cut off', 'RS256', JSON.stringify(jwk(rsa.privateKey)).slice(0, 400)],
    ['PEM cut off', 'RS256', pem(rsa.privateKey).slice(0, 900)],
    ['a public key', 'RS256', publicPem],
    ['a public JWK', 'ES256', jwk(p256.publicKey)],
    ['a key with a passphrase', 'RS256', locked],
    ['RSA of 1024 bits', 'RS256', pem(small)],
    ['RSA for ES256', 'ES256', pem(rsa.privateKey)],
    ['P-384 for ES256', 'ES256', pem(p384.privateKey)],
    ['P-256 for RS256', 'RS256', pem(p256.privateKey)],
    ['P-256 for EdDSA', 'EdDSA', pem(p256.privateKey)],
    ['Ed25519 for PS256', 'PS256', jwk(ed25519.privateKey)],
    ['a JWK for another algorithm', 'RS256', { ...jwk(rsa.privateKey), alg: 'PS256' }],
  ])('%s', async (_, alg, key, more) => {
    const error: unknown = await signJwt(spec(alg, key, more), clock).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'arguments_invalid', hint: expect.any(String) });
    const shown = inspect(error, { depth: 9 });
    const words = (typeof key === 'string' ? key : JSON.stringify(key)).match(/[\w+/-]{16,}/g) ?? [];
    for (const word of words) for (const piece of word.match(/.{16}/g) ?? []) expect(shown).not.toContain(piece);
  });
});
