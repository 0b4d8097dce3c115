import { randomUUID } from 'node:crypto';
import { TielineError } from '../errors.ts';
import type { OAuthConfig } from './oauthconfig.ts';
import { signJwt } from './sign/jwt.ts';

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/**
 * The JWT by which a service account (RFC 7523 §2.1) or a client (§2.2) proves who it is. `now` in milliseconds.
 *
 * @throws TielineError `definition_invalid` when the option says nothing of it, `arguments_invalid` for a wrong key.
 */
export async function signAssertion(config: OAuthConfig, now: number, kind: 'grant' | 'client'): Promise<string> {
  const { assertion, clientId, tokenUri } = config;
  if (!assertion?.privateKey) {
    throw new TielineError('definition_invalid', 'the auth option has no assertion, or no privateKey in it');
  }
  const issuer = assertion.issuer ?? clientId;
  return signJwt(
    {
      alg: assertion.algorithm ?? 'RS256',
      key: assertion.privateKey,
      kid: assertion.keyId,
      issuer,
      subject: assertion.subject ?? (kind === 'client' ? clientId : undefined),
      audience: assertion.audience ?? tokenUri,
      ttlSeconds: assertion.ttl ?? 300,
      claims: assertion.claims,
    },
    { nowSeconds: now / 1_000, jti: randomUUID() },
  );
}
