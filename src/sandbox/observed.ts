import type { ApiCall } from './api.ts';

export type TokenRequest = {
  readonly grantType: string;
  readonly ok: boolean;
  /** The OAuth error code, as `invalid_grant`. */
  readonly error?: string;
  /** Milliseconds since 1970. */
  readonly at: number;
};

/** How many of a kind are kept, the newest ones: a sandbox may run for days. */
export const MOST_OBSERVED = 10_000;

/** What a sandbox saw of its clients. */
export class Observed {
  readonly tokenRequests: TokenRequest[] = [];
  readonly apiCalls: ApiCall[] = [];
  #refreshes = 0;

  tokenRequest(request: TokenRequest): void {
    if (request.ok && request.grantType === 'refresh_token') this.#refreshes += 1;
    keep(this.tokenRequests, request);
  }

  apiCall(call: ApiCall): void {
    keep(this.apiCalls, call);
  }

  /** How many refreshes succeeded, from the beginning on. */
  refreshes(): number {
    return this.#refreshes;
  }
}

function keep<T>(all: T[], newest: T): void {
  all.push(newest);
  if (all.length > MOST_OBSERVED) all.shift();
}
