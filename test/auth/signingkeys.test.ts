import { createHmac, createPublicKey, createSign } from 'node:crypto';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  type JWK,
  jwtVerify,
  SignJWT,
} from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openSigningKeys } from '../../src/auth/signingkeys.ts';
import { memoryKeyring } from '../../src/keystore/keyring.ts';
import { Keystore, memoryKeystore } from '../../src/keystore/keystore.ts';
import { openStore } from '../../src/keystore/open.ts';
import { storeKey } from '../../src/keystore/store.ts';
import { failureOf } from '../keystore/failure.ts';
import { temporaryFolder } from '../keystore/place.ts';

const ISSUER = 'https://tieline.example';
const AUDIENCE = 'https://api.example';
const DAY = 24 * 60 * 60_000;
const START = Date.UTC(2026, 0, 1);

/** Several handles on one keystore, with one clock, each as a process of its own would have it. */
async function place(keystore?: Keystore) {
  const kept = keystore ?? (await memoryKeystore());
  const clock = { now: START };
  let reads = 0;
  const counted = new Proxy(kept, {
    get(target, name) {
      if (name === 'read') reads += 1;
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return {
    clock,
    keystore: kept,
    reads: () => reads,
    open: (issuer = ISSUER) => openSigningKeys({ keystore: counted, now: () => clock.now, issuer }),
  };
}

const wanted = { subject: 'alice', audience: AUDIENCE, ttlSeconds: 60 };
const header = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString());
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a token', () => {
  it('says who, for whom, since when and until when', async () => {
    const keys = (await place()).open();
    const token = await keys.sign({ ...wanted, claims: { organization: 'acme', deep: { n: [1] } } });
    const claims = {
      iss: ISSUER,
      sub: 'alice',
      aud: AUDIENCE,
      iat: START / 1_000,
      exp: START / 1_000 + 60,
      jti: expect.stringMatching(/^[\da-f-]{36}$/),
      organization: 'acme',
      deep: { n: [1] },
    };
    expect(await keys.verify(token, { audience: AUDIENCE })).toEqual(claims);
    const { keys: published } = await keys.jwks();
    expect(header(token)).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: published[0]?.kid });
  });

  it('is taken by whoever has nothing but the published keys', async () => {
    const keys = (await place()).open();
    const token = await keys.sign(wanted);
    const { keys: published } = await keys.jwks();
    const options = { issuer: ISSUER, audience: AUDIENCE, currentDate: new Date(START) };
    const { payload } = await jwtVerify(token, createLocalJWKSet({ keys: [...published] }), options);
    expect(payload.sub).toBe('alice');
  });

  it('is a new one each time', async () => {
    const keys = (await place()).open();
    const jtis = await Promise.all(Array.from({ length: 5 }, async () => keys.verify(await keys.sign(wanted), wanted)));
    expect(new Set(jtis.map((it) => it.jti)).size).toBe(5);
  });

  it('never says what somebody else put into the registered claims', async () => {
    const keys = (await place()).open();
    const registered = fc.constantFrom('iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti');
    await fc.assert(
      fc.asyncProperty(fc.dictionary(registered, fc.oneof(fc.string(), fc.nat())), async (claims) => {
        const payload = await keys.verify(await keys.sign({ ...wanted, claims }), wanted);
        expect(payload).toEqual({
          iss: ISSUER,
          sub: 'alice',
          aud: AUDIENCE,
          iat: START / 1_000,
          exp: START / 1_000 + 60,
          jti: expect.stringMatching(/^[\da-f-]{36}$/),
        });
      }),
      { numRuns: 30 },
    );
  });

  it.each([0, -1, Number.NaN, 86_401, Number.POSITIVE_INFINITY])('does not live for %d seconds', async (ttlSeconds) => {
    const keys = (await place()).open();
    await expect(keys.sign({ ...wanted, ttlSeconds })).rejects.toThrow(RangeError);
  });
});

describe('the published keys', () => {
  it('are public, and named by their thumbprint', async () => {
    const { open, keystore } = await place();
    const keys = open();
    const text = JSON.stringify(await keys.jwks());
    const [key = {}] = (JSON.parse(text) as { keys: JWK[] }).keys;
    const { kid, x, y } = key;
    expect(key).toEqual({ kty: 'EC', crv: 'P-256', x, y, kid, alg: 'ES256', use: 'sig' });
    expect(kid).toBe(await calculateJwkThumbprint(key));
    const stored = await keystore.read<{ current: { jwk: JWK } }>(storeKey('signing_keys'));
    const secret = stored?.value.current.jwk.d ?? '';
    expect(secret).toMatch(/^[\w-]{43}$/);
    expect(stored?.sealed).not.toContain(secret);
  });
});

describe('what is refused', () => {
  const reasons: [string, (token: string, it: Awaited<ReturnType<typeof place>>) => string | Promise<string>][] = [
    ['nothing', () => ''],
    ['no token', () => 'not a token'],
    ['a token without signature', (token) => token.replace(/[^.]+$/, '')],
    ['another signature', (token) => token.replace(/[^.]+$/, Buffer.alloc(64, 1).toString('base64url'))],
    [
      'other claims',
      (token) =>
        token.replace(/\.[^.]+\./, `.${encoded({ iss: ISSUER, sub: 'root', aud: AUDIENCE, iat: 1, exp: 9e9 })}.`),
    ],
    ['alg none', (token) => `${encoded({ ...header(token), alg: 'none' })}.${token.split('.')[1]}.`],
    [
      'HS256 with the public key as secret (CVE-2015-9235)',
      async (token, { open }) => {
        const [jwk = {}] = (await open().jwks()).keys;
        const pem = createPublicKey({ key: { ...jwk }, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
        const data = `${encoded({ ...header(token), alg: 'HS256' })}.${token.split('.')[1]}`;
        return `${data}.${createHmac('sha256', pem).update(data).digest('base64url')}`;
      },
    ],
    [
      'a key that the token brings along',
      async (token) => {
        const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
        const payload = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
        const jwk = await exportJWK(publicKey);
        return new SignJWT(payload).setProtectedHeader({ ...header(token), jwk }).sign(privateKey);
      },
    ],
    ['no kid', (token) => token.replace(/^[^.]+/, encoded({ alg: 'ES256', typ: 'at+jwt' }))],
    ['a kid that is no text', (token) => token.replace(/^[^.]+/, encoded({ alg: 'ES256', typ: 'at+jwt', kid: 1 }))],
    ['an unknown kid', (token) => token.replace(/^[^.]+/, encoded({ alg: 'ES256', typ: 'at+jwt', kid: 'toString' }))],
    ['another audience', (_, { open }) => open().sign({ ...wanted, audience: 'https://other.example' })],
    ['another kind of token', (_, { open }) => open().sign({ ...wanted, type: 'JWT' })],
    ['another issuer', (_, { open }) => open('https://other.example').sign(wanted)],
    ['another keystore', async () => (await place()).open().sign(wanted)],
  ];

  it.each(reasons)('%s', async (_, make) => {
    const it = await place();
    const keys = it.open();
    const good = await keys.sign(wanted);
    await expect(keys.verify(good, wanted)).resolves.toMatchObject({ sub: 'alice' });
    const bad = await make(good, it);
    const error = await failureOf(keys.verify(bad, wanted));
    expect(error).toMatchObject({ code: 'unauthenticated', message: 'the token is not valid, or no longer' });
  });

  it.each(['exp', 'sub', 'iat', 'aud', 'iss'])('our own signature over claims without %s', async (claim) => {
    const { open, keystore } = await place();
    const keys = open();
    const { kid } = header(await keys.sign(wanted));
    const stored = await keystore.read<{ current: { jwk: JWK } }>(storeKey('signing_keys'));
    const claims = { iss: ISSUER, sub: 'alice', aud: AUDIENCE, iat: START / 1_000, exp: START / 1_000 + 60 };
    const signed = (payload: object) => {
      const data = `${encoded({ alg: 'ES256', typ: 'at+jwt', kid })}.${encoded(payload)}`;
      const key = { key: stored?.value.current.jwk ?? {}, format: 'jwk', dsaEncoding: 'ieee-p1363' } as const;
      return `${data}.${createSign('sha256').update(data).sign(key, 'base64url')}`;
    };
    await expect(keys.verify(signed(claims), wanted)).resolves.toEqual(claims);
    const error = await failureOf(keys.verify(signed({ ...claims, [claim]: undefined }), wanted));
    expect(error.code).toBe('unauthenticated');
  });

  it('one of another kind, whichever of the two is asked for', async () => {
    const keys = (await place()).open();
    const login = await keys.sign({ ...wanted, type: 'JWT' });
    await expect(keys.verify(login, { ...wanted, type: 'JWT' })).resolves.toBeDefined();
    const plain = await keys.sign(wanted);
    expect((await failureOf(keys.verify(plain, { ...wanted, type: 'JWT' }))).code).toBe('unauthenticated');
  });

  it('a token at the end of its life', async () => {
    const { open, clock } = await place();
    const keys = open();
    const token = await keys.sign(wanted);
    clock.now += 59_000;
    await expect(keys.verify(token, wanted)).resolves.toBeDefined();
    clock.now += 1_000;
    expect((await failureOf(keys.verify(token, wanted))).code).toBe('unauthenticated');
  });

  it('not, however, what could not be looked up', async () => {
    const { open, keystore } = await place();
    const keys = open();
    const token = await keys.sign(wanted);
    keystore.read = async () => {
      throw new Error('the store is away');
    };
    await expect(keys.verify(token, wanted)).resolves.toBeDefined();
    const foreign = token.replace(/^[^.]+/, encoded({ alg: 'ES256', typ: 'at+jwt', kid: 'other' }));
    await expect(keys.verify(foreign, wanted)).rejects.toThrow('the store is away');
  });
});

describe('several processes', () => {
  /** Handles on one file, each with a store of its own. */
  async function handles(count: number) {
    const url = `sqlite:${join(await temporaryFolder(), 'tieline.db')}`;
    const keyring = memoryKeyring();
    return Promise.all(
      Array.from({ length: count }, async () => {
        const keystore = await Keystore.open({ store: await openStore(url), keyring });
        onTestFinished(() => keystore.close());
        return openSigningKeys({ keystore, now: () => START, issuer: ISSUER });
      }),
    );
  }

  it('that start at once on one SQLite file end with one key', async () => {
    const all = await handles(4);
    const tokens = await Promise.all(all.map((it) => it.sign(wanted)));
    const published = await Promise.all(all.map((it) => it.jwks()));
    expect(published[0]?.keys).toHaveLength(1);
    for (const it of published) expect(it).toEqual(published[0]);
    for (const it of all) {
      for (const token of tokens) await expect(it.verify(token, wanted)).resolves.toMatchObject({ sub: 'alice' });
    }
  });

  it('that rotate at once end with the same keys', async () => {
    const all = await handles(3);
    await Promise.all(all.map((it) => it.jwks()));
    await Promise.all(all.map((it) => it.rotate()));
    const counts = await Promise.all(all.map(async (it) => (await it.jwks()).keys.length));
    expect(new Set(counts).size).toBe(1);
    expect(counts[0]).toBeGreaterThan(1);
  });

  it('take what another one signed with a key they have not seen yet', async () => {
    const { open } = await place();
    const [one, other] = [open(), open()];
    await other.jwks();
    await one.rotate();
    await expect(other.verify(await one.sign(wanted), wanted)).resolves.toBeDefined();
  });

  it('look for unknown keys once in a while only', async () => {
    const { open, reads, clock } = await place();
    const keys = open();
    const token = await keys.sign(wanted);
    const before = reads();
    const guess = async (kid: string) => {
      await failureOf(keys.verify(token.replace(/^[^.]+/, encoded({ alg: 'ES256', typ: 'at+jwt', kid })), wanted));
    };
    for (let i = 0; i < 20; i++) await guess(`guess-${i}`);
    expect(reads() - before).toBe(1);
    clock.now += 1_000;
    await guess('later');
    expect(reads() - before).toBe(2);
  });

  it('do not read the store for each token', async () => {
    const { open, reads, clock } = await place();
    const keys = open();
    await keys.sign(wanted);
    const before = reads();
    for (let i = 0; i < 5; i++) await keys.verify(await keys.sign(wanted), wanted);
    expect(reads()).toBe(before);
    clock.now += 60_000;
    await keys.sign(wanted);
    expect(reads()).toBe(before + 1);
  });
});

describe('a new key', () => {
  const kids = async (keys: ReturnType<typeof openSigningKeys>) => (await keys.jwks()).keys.map((it) => it.kid);

  it('is made by rotate, and leaves old tokens valid until they expire', async () => {
    const { open, clock } = await place();
    const keys = open();
    const long = { ...wanted, ttlSeconds: 86_400 };
    const old = await keys.sign(long);
    await keys.rotate();
    const young = await keys.sign(long);
    expect(header(young).kid).not.toBe(header(old).kid);
    expect(await kids(keys)).toEqual([header(young).kid, header(old).kid]);
    clock.now += DAY - 1_000;
    for (const handle of [keys, open()]) {
      for (const token of [old, young]) await expect(handle.verify(token, wanted)).resolves.toBeDefined();
    }
  });

  it('is alone once no token of the old one can be left', async () => {
    const { open, clock } = await place();
    const keys = open();
    const old = header(await keys.sign(wanted)).kid;
    await keys.rotate();
    clock.now += DAY + 60_000;
    expect(await kids(keys)).toContain(old);
    clock.now += 60 * 60_000;
    expect(await kids(keys)).toHaveLength(1);
    expect(await kids(keys)).not.toContain(old);
  });

  it('is made when the newest is 90 days old', async () => {
    const { open, clock } = await place();
    const keys = open();
    const first = header(await keys.sign(wanted)).kid;
    clock.now += 90 * DAY - 1;
    expect(header(await keys.sign(wanted)).kid).toBe(first);
    clock.now += 60_000;
    expect(header(await keys.sign(wanted)).kid).not.toBe(first);
    expect(await kids(keys)).toContain(first);
  });

  it('takes the private part of the old one out of the store', async () => {
    const { open, keystore } = await place();
    const keys = open();
    await keys.rotate();
    await keys.rotate();
    const stored = (await keystore.read(storeKey('signing_keys')))?.value;
    expect(JSON.stringify(stored).match(/"d":/g)).toHaveLength(1);
  });
});
