import { createHash } from 'node:crypto';

export type Tokens = { readonly accessToken: string; readonly refreshToken: string };

/** What a token request gave. Without a refresh token, the one it was asked with stays good. */
export type Issued = { readonly accessToken: string; readonly refreshToken?: string };

type Family = { readonly id: number; readonly who: string; alive: boolean; newest: string; refreshes: number };

/**
 * Grants whose refresh tokens serve once. Using one again ends its family, access tokens included, as RFC 9700 §4.14.2
 * advises. The same calls in the same order give the same tokens. Times are epoch milliseconds.
 */
export class Families {
  readonly #byToken = new Map<string, Family>();
  readonly #expiries = new Map<string, number>();
  #families = 0;

  begin(who: string, expiresAt: number): Tokens {
    this.#families += 1;
    const family: Family = { id: this.#families, who, alive: true, newest: '', refreshes: 0 };
    return { accessToken: this.#newAccessToken(family, expiresAt), refreshToken: this.#newRefreshToken(family) };
  }

  /** New tokens for the newest refresh token, which is spent by it. Undefined for any other, which ends the family. */
  rotate(refreshToken: string, expiresAt: number): Issued | undefined {
    const family = this.#use(refreshToken);
    if (!family) return undefined;
    return { accessToken: this.#newAccessToken(family, expiresAt), refreshToken: this.#newRefreshToken(family) };
  }

  /** As `rotate`, but the refresh token stays what it was. */
  reissue(refreshToken: string, expiresAt: number): Issued | undefined {
    const family = this.#use(refreshToken);
    return family && { accessToken: this.#newAccessToken(family, expiresAt) };
  }

  revoke(token: string): void {
    const family = this.#byToken.get(token);
    if (family) family.alive = false;
  }

  /** Throws for a token that was never issued, so that a mistyped one cannot pass for a dead one. */
  isAlive(token: string): boolean {
    const family = this.#byToken.get(token);
    if (!family) throw new Error('this token was never issued');
    return family.alive;
  }

  /** Whose access token this is; undefined if it is not good now. */
  who(accessToken: string, now: number): string | undefined {
    const family = this.#byToken.get(accessToken);
    return family?.alive && now < (this.#expiries.get(accessToken) ?? 0) ? family.who : undefined;
  }

  expireAccessTokens(): void {
    for (const token of this.#expiries.keys()) this.#expiries.set(token, 0);
  }

  #use(refreshToken: string): Family | undefined {
    const family = this.#byToken.get(refreshToken);
    if (!family || this.#expiries.has(refreshToken)) return undefined;
    if (family.newest !== refreshToken) family.alive = false;
    if (!family.alive) return undefined;
    family.refreshes += 1;
    return family;
  }

  #newAccessToken(family: Family, expiresAt: number): string {
    const token = this.#token('at', family);
    this.#expiries.set(token, expiresAt);
    return token;
  }

  #newRefreshToken(family: Family): string {
    family.newest = this.#token('rt', family);
    return family.newest;
  }

  /** `rt_2_0_…`: the second family's first refresh token. */
  #token(kind: 'at' | 'rt', family: Family): string {
    const name = `${kind}_${family.id}_${family.refreshes}`;
    const token = `${name}_${createHash('sha256').update(`${name} ${family.who}`).digest('base64url').slice(0, 24)}`;
    this.#byToken.set(token, family);
    return token;
  }
}
