import {
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type FetchImplementation,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import { isTielineError, TielineError } from '../errors.ts';
import { parseJson } from '../json.ts';
import { once } from '../network/once.ts';
import type { Sender } from '../network/send.ts';

/** An authorization server elsewhere whose access tokens are taken. */
export type TrustedIssuer = {
  /** Claim `iss` of its tokens. */
  readonly issuer: string;
  /**
   * The claims of a token: signature, issuer, audience, expiry and kind are right (RFC 8725 §3, RFC 9068 §4). Throws
   * `unauthenticated`, and what keeps the keys from being fetched.
   */
  verify(token: string): Promise<JWTPayload>;
};

export type IssuerOptions = {
  readonly issuer: string;
  /** Where its keys are; by default its metadata says so (RFC 8414 §3, OpenID Connect Discovery §4). */
  readonly jwksUri?: string | undefined;
  readonly audience: string;
  readonly sender: Sender;
  /** How long a server that could not be asked for keys is left alone, in milliseconds. Default 10,000. */
  readonly failedMs?: number | undefined;
  /** Epoch milliseconds. */
  readonly now: () => number;
};

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
/** Many servers give their access tokens the kind of any JWT; the audience tells them from ID tokens. */
const KINDS: readonly (string | undefined)[] = ['at+jwt', 'application/at+jwt', 'jwt', undefined];
const MOST_BYTES = 512 * 1024;

/** Its keys are fetched when first needed, kept for ten minutes, and asked for anew at most every 30 seconds. */
export function openIssuer(options: IssuerOptions): TrustedIssuer {
  const { issuer, jwksUri, audience, sender, failedMs = 10_000, now } = options;
  const failed = new Map<string, { readonly error: unknown; readonly until: number }>();
  // Anybody can send a token that names this issuer: one that is down is not asked for each of them.
  const fetchKeys: FetchImplementation = async (url) => {
    const before = failed.get(url);
    if (before && before.until > performance.now()) throw before.error;
    try {
      const { status, bytes } = await getJson(sender, url);
      failed.delete(url);
      return new Response(Buffer.from(bytes), { status });
    } catch (error) {
      failed.set(url, { error, until: performance.now() + failedMs });
      throw error;
    }
  };
  const open = once(async (): Promise<JWTVerifyGetKey> => {
    const address = new URL(jwksUri ?? (await discoverKeys(sender, issuer)));
    return createRemoteJWKSet(address, { [customFetch]: fetchKeys });
  }, failedMs);
  return {
    issuer,
    async verify(token) {
      const keys = await open();
      try {
        const { payload, protectedHeader } = await jwtVerify(token, keys, {
          algorithms: ALGORITHMS,
          issuer,
          audience,
          requiredClaims: ['sub', 'exp', 'iat'],
          currentDate: new Date(now()),
        });
        if (KINDS.includes(protectedHeader.typ?.toLowerCase())) return payload;
      } catch (cause) {
        throw failureOf(issuer, cause);
      }
      throw refused();
    },
  };
}

/** What a JWT that nobody has checked yet says of itself; empty for anything else. */
export function claimedBy(token: string): { readonly issuer?: string | undefined; readonly kind?: string | undefined } {
  try {
    return { issuer: decodeJwt(token).iss, kind: decodeProtectedHeader(token).typ };
  } catch {
    return {};
  }
}

async function discoverKeys(sender: Sender, issuer: string): Promise<string> {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  const places = [`/.well-known/oauth-authorization-server${path}`, `${path}/.well-known/openid-configuration`];
  for (const place of places) {
    const { status, bytes } = await getJson(sender, `${origin}${place}`);
    if (status !== 200) continue;
    const metadata = parsed(bytes);
    // RFC 8414 §3.3: otherwise one issuer could speak for another.
    if (metadata?.issuer === issuer && typeof metadata.jwks_uri === 'string' && URL.canParse(metadata.jwks_uri)) {
      return metadata.jwks_uri;
    }
  }
  throw noKeys(issuer);
}

function getJson(sender: Sender, address: string) {
  const url = new URL(address);
  const request = { method: 'GET', url, headers: { accept: 'application/json' } };
  return sender.send(request, {
    allowedHosts: new Set([url.host]),
    maxBytes: MOST_BYTES,
    followRedirects: false,
    timeouts: { totalMs: 5_000 },
  });
}

function parsed(bytes: Uint8Array): { readonly issuer?: unknown; readonly jwks_uri?: unknown } | undefined {
  try {
    const value: unknown = parseJson(Buffer.from(bytes).toString('utf8'));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Who cannot be asked for keys has not said that a token is wrong: its client need not sign in again. */
function failureOf(issuer: string, cause: unknown): unknown {
  if (isTielineError(cause)) return cause;
  if (!(cause instanceof errors.JOSEError)) return cause;
  const isOfKeys = ['ERR_JOSE_GENERIC', 'ERR_JWKS_INVALID', 'ERR_JWKS_TIMEOUT'].includes(cause.code);
  return isOfKeys ? noKeys(issuer, cause) : refused(cause);
}

const noKeys = (issuer: string, cause?: unknown): TielineError =>
  new TielineError('upstream_invalid', `the keys of ${issuer} cannot be read`, {
    hint: 'Try again; if that does not help, set jwksUri of this issuer in config.yaml.',
    cause,
  });

const refused = (cause?: unknown): TielineError =>
  new TielineError('unauthenticated', 'the token is not valid, or no longer', { hint: 'Sign in again.', cause });
