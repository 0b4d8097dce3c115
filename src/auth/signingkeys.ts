import { createHash, randomUUID } from 'node:crypto';
import {
  type CryptoKey,
  calculateJwkThumbprint,
  decodeProtectedHeader,
  errors,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from 'jose';
import { BoundedMap, bound, sizeOfText } from '../bounded.ts';
import { TielineError } from '../errors.ts';
import { keepsChanging } from '../keystore/change.ts';
import type { Keystore, Sealed } from '../keystore/keystore.ts';
import { storeKey } from '../keystore/store.ts';

export type TokenClaims = {
  readonly subject: string;
  readonly audience: string;
  /** At most 86,400, which is 24 hours. */
  readonly ttlSeconds: number;
  /** More of them; those that are registered (RFC 7519 §4.1) are made here and win. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Kind of token, so that none passes for one of another kind (RFC 8725 §3.11). `at+jwt` (RFC 9068) by default. */
  readonly type?: string;
};

export type SigningKeys = {
  /** A JWT (RFC 7519) of this issuer, as a compact JWS (RFC 7515 §7.1) with ES256. */
  sign(token: TokenClaims): Promise<string>;
  /**
   * The claims of a token of this issuer, checked as RFC 8725 §3 asks: signature, algorithm, key, kind, issuer,
   * audience and expiry. Throws `unauthenticated`, without saying which of them was wrong.
   */
  verify(token: string, expected: { readonly audience: string; readonly type?: string }): Promise<JWTPayload>;
  /** The public keys of all tokens that may still be in use (RFC 7517 §5). */
  jwks(): Promise<{ readonly keys: readonly JWK[] }>;
  /** Makes a new key. What the ones before it have signed stays valid until it expires. */
  rotate(): Promise<void>;
};

export type SigningKeysOptions = {
  readonly keystore: Keystore;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Claim `iss` of every token. */
  readonly issuer: string;
};

type Key = JWK & { readonly kid: string };

/** What is stored: the private key of today, and the public ones of before for as long as they are needed. */
type Stored = {
  readonly current: { readonly jwk: Key; readonly createdAt: number };
  readonly retired: readonly { readonly jwk: Key; readonly retiredAt: number }[];
};

const RECORD = storeKey('signing_keys');
const ALGORITHM = 'ES256';
const DEFAULT_TYPE = 'at+jwt';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const LONGEST_TTL_SECONDS = DAY / 1_000;
const OLDEST = 90 * DAY;
/** How long a process may go on with what it has read. */
const FRESH = MINUTE;
/** How long at least between two looks into the store that anybody from outside can cause. */
const PAUSE = 1_000;
/** The longest life of a token, signed by a process that had yet to notice that the key is retired. */
const RETAINED = DAY + 5 * MINUTE;

const MOST_TRIES = 20;
const VERIFIED = bound({
  name: 'tokens of Tieline whose signature was checked',
  entries: 1_000,
  bytes: 2 * 1024 * 1024,
  atBound: 'the one shown longest ago is checked again',
});

type Verified = { readonly keysAt: number; readonly payload: JWTPayload };

/**
 * The keys with which Tieline signs tokens of its own, made when first needed. They live in one sealed record of the
 * keystore that all processes share: whoever writes first decides, and the others read it.
 */
export function openSigningKeys({ keystore, now, issuer }: SigningKeysOptions): SigningKeys {
  let known: { readonly stored: Stored; readonly at: number } | undefined;
  let reading: Promise<Stored> | undefined;
  let missedAt = Number.NEGATIVE_INFINITY;
  /** By a hash of the token: a client shows the same one with each request. Good until the keys are read anew. */
  const verified = new BoundedMap<Verified>(VERIFIED, ({ payload }) => sizeOfText(JSON.stringify(payload)));
  const imported = new Map<string, Promise<CryptoKey>>();

  const isWithin = (ms: number, at: number): boolean => now() >= at && now() - at < ms;

  async function keysWithin(ms: number): Promise<Stored> {
    if (known && isWithin(ms, known.at)) return known.stored;
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  }

  async function read(): Promise<Stored> {
    for (let i = 0; i < MOST_TRIES; i++) {
      const at = now();
      const found = await keystore.read<Stored>(RECORD);
      if (found && at - found.value.current.createdAt < OLDEST) {
        known = { stored: found.value, at };
        return found.value;
      }
      await replace(found);
    }
    throw keepsChanging('the signing keys');
  }

  /** Puts a new key in front, unless somebody else has been faster: then theirs is as good. */
  async function replace(found: Sealed<Stored> | undefined): Promise<void> {
    await keystore.replace(RECORD, found, withNew(await newKey(), found?.value, now()));
  }

  /** The published keys; the one of the id, also if it is newer than what was read last. */
  async function publicKey(kid: string): Promise<Key | undefined> {
    const find = async (ms: number) => published(await keysWithin(ms), now()).find((it) => it.kid === kid);
    const key = await find(FRESH);
    if (key || isWithin(PAUSE, missedAt)) return key;
    missedAt = now();
    return find(0);
  }

  /** Imported once, as that costs more than a signature. */
  function cryptoKey(jwk: Key): Promise<CryptoKey> {
    const name = `${jwk.kid} ${jwk.d === undefined ? 'public' : 'private'}`;
    let key = imported.get(name);
    if (!key) {
      key = importJWK(jwk, ALGORITHM) as Promise<CryptoKey>;
      imported.set(name, key);
    }
    return key;
  }

  return {
    async sign({ subject, audience, ttlSeconds, claims = {}, type = DEFAULT_TYPE }) {
      if (!(ttlSeconds > 0 && ttlSeconds <= LONGEST_TTL_SECONDS)) {
        throw new RangeError(`a token lives more than 0 and at most ${LONGEST_TTL_SECONDS} seconds`);
      }
      const { jwk } = (await keysWithin(FRESH)).current;
      const seconds = Math.floor(now() / 1_000);
      const { nbf: _, ...more } = claims;
      return new SignJWT({ ...more })
        .setProtectedHeader({ alg: ALGORITHM, typ: type, kid: jwk.kid })
        .setIssuer(issuer)
        .setSubject(subject)
        .setAudience(audience)
        .setIssuedAt(seconds)
        .setExpirationTime(seconds + Math.ceil(ttlSeconds))
        .setJti(randomUUID())
        .sign(await cryptoKey(jwk));
    },
    async verify(token, { audience, type = DEFAULT_TYPE }) {
      const jwk = await publicKey(kidOf(token));
      if (!jwk) throw refused();
      const name = createHash('sha256').update(`${type} ${audience} ${token}`).digest('base64');
      const before = verified.get(name);
      if (before && before.keysAt === known?.at && now() < Number(before.payload.exp) * 1_000) return before.payload;
      try {
        const { payload } = await jwtVerify(token, await cryptoKey(jwk), {
          algorithms: [ALGORITHM],
          typ: type,
          issuer,
          audience,
          requiredClaims: ['sub', 'iat', 'exp'],
          currentDate: new Date(now()),
        });
        if (known) verified.set(name, { keysAt: known.at, payload });
        return payload;
      } catch (cause) {
        if (cause instanceof errors.JOSEError) throw refused(cause);
        throw cause;
      }
    },
    jwks: async () => ({ keys: published(await keysWithin(PAUSE), now()) }),
    async rotate() {
      await replace(await keystore.read<Stored>(RECORD));
      known = undefined;
    },
  };
}

/** A P-256 key pair as one JWK, named by its thumbprint (RFC 7638), which is the same whoever computes it. */
async function newKey(): Promise<Key> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: ALGORITHM, use: 'sig' };
}

function withNew(jwk: Key, before: Stored | undefined, at: number): Stored {
  const retired = before ? [{ jwk: publicPart(before.current.jwk), retiredAt: at }, ...stillNeeded(before, at)] : [];
  return { current: { jwk, createdAt: at }, retired };
}

const stillNeeded = ({ retired }: Stored, at: number) => retired.filter((it) => at - it.retiredAt < RETAINED);

const published = (stored: Stored, at: number): Key[] => [
  publicPart(stored.current.jwk),
  ...stillNeeded(stored, at).map((it) => it.jwk),
];

/** RFC 7518 §6.2.1: all of an elliptic curve key but `d`. */
const publicPart = ({ d: _, ...jwk }: Key): Key => jwk;

function kidOf(token: string): string {
  try {
    const { kid } = decodeProtectedHeader(token);
    if (typeof kid === 'string') return kid;
  } catch (cause) {
    throw refused(cause);
  }
  throw refused();
}

const refused = (cause?: unknown): TielineError =>
  new TielineError('unauthenticated', 'the token is not valid, or no longer', { hint: 'Sign in again.', cause });
