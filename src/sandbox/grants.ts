import type { Adapter, AdapterPayload } from 'oidc-provider';

type Row = { readonly model: string; readonly payload: AdapterPayload; readonly expiresAt: number };

const SWEEP_FROM = 1_000;

/** What the provider remembers (grants, codes, tokens, sign-ins under way), in memory. */
export class Grants {
  readonly #rows = new Map<string, Row>();
  #sweepAt = SWEEP_FROM;

  /** The provider's view of one model, in the shape oidc-provider asks for. */
  adapter(model: string): Adapter {
    const key = (id: string) => `${model}:${id}`;
    const findWhere = async (matches: (payload: AdapterPayload) => boolean) =>
      this.#of(model).find(([, row]) => matches(row.payload))?.[1].payload;
    return {
      upsert: async (id, payload, expiresIn) => this.#put(key(id), model, payload, expiresIn),
      find: async (id) => this.#live(key(id))?.payload,
      findByUid: (uid) => findWhere((payload) => payload.uid === uid),
      findByUserCode: (code) => findWhere((payload) => payload.userCode === code),
      // A used refresh token stays known until it expires: that is what makes its reuse detectable.
      consume: async (id) => {
        const row = this.#live(key(id));
        if (row) row.payload.consumed = Math.floor(Date.now() / 1000);
      },
      destroy: async (id) => void this.#rows.delete(key(id)),
      revokeByGrantId: async (grantId) => this.#drop(model, (payload) => payload.grantId === grantId),
    };
  }

  /** Forgets all access tokens issued so far, as their time passing would. Refresh tokens stay. */
  expireAccessTokens(): void {
    for (const model of ['AccessToken', 'ClientCredentials']) this.#drop(model, () => true);
  }

  /** Ends everything this account ever granted. */
  revoke(accountId: string): void {
    for (const model of ['Grant', 'AuthorizationCode', 'AccessToken', 'RefreshToken']) {
      this.#drop(model, (payload) => payload.accountId === accountId);
    }
  }

  #put(key: string, model: string, payload: AdapterPayload, expiresIn: number | undefined): void {
    this.#sweep();
    this.#rows.set(key, { model, payload, expiresAt: expiresIn ? Date.now() + expiresIn * 1000 : Infinity });
  }

  #live(key: string): Row | undefined {
    const row = this.#rows.get(key);
    return row && row.expiresAt > Date.now() ? row : undefined;
  }

  #of(model: string): [string, Row][] {
    return [...this.#rows].filter(([, row]) => row.model === model && row.expiresAt > Date.now());
  }

  #drop(model: string, matches: (payload: AdapterPayload) => boolean): void {
    for (const [key, row] of this.#of(model)) if (matches(row.payload)) this.#rows.delete(key);
  }

  #sweep(): void {
    if (this.#rows.size < this.#sweepAt) return;
    for (const [key, row] of this.#rows) if (row.expiresAt <= Date.now()) this.#rows.delete(key);
    this.#sweepAt = Math.max(SWEEP_FROM, this.#rows.size * 2);
  }
}
