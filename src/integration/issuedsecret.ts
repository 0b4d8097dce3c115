import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/**
 * A secret that was handed out, as it is kept. It is 256 random bits, so that no dictionary reaches it and a slow hash
 * (as for passwords) would only cost every request; the record it stands in is sealed under the master key, and the
 * id of its owner is hashed with it, so that one record's hash says nothing of another's.
 */
export function hashSecret(owner: string, secret: string): string {
  return createHash('sha256').update(`${owner}\n${secret}`, 'utf8').digest('base64url');
}

/** 256 random bits as 43 characters of base64url. */
export const newSecret = (): string => randomBytes(32).toString('base64url');

/** Whether a secret is the one that was hashed, in a time that tells nothing. False where there is no hash. */
export function isSecret(owner: string, secret: string, hash: string | undefined): boolean {
  const given = Buffer.from(hashSecret(owner, secret));
  const known = Buffer.from(hash ?? hashSecret(owner, newSecret()));
  return given.length === known.length && timingSafeEqual(given, known) && hash !== undefined;
}
