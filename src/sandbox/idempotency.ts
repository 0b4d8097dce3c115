import { isDeepStrictEqual } from 'node:util';
import { Refusal } from './refusal.ts';

/** What each `Idempotency-Key` led to: a repeated request gets the first one's outcome and changes nothing. */
export class Idempotency<Outcome> {
  readonly #done = new Map<string, { readonly request: unknown; readonly outcome: Outcome }>();

  /**
   * Runs `make` unless this scope used the key before; without a key it always runs.
   * The same key with another request is a 422, as the IETF draft idempotency-key-header asks.
   */
  once(scope: string, key: string | undefined, request: unknown, make: () => Outcome): Outcome {
    if (key === undefined) return make();
    const name = JSON.stringify([scope, key]);
    const before = this.#done.get(name);
    if (before && isDeepStrictEqual(before.request, request)) return before.outcome;
    if (before) throw new Refusal(422, 'idempotency_key_reused', 'this Idempotency-Key belongs to another request');
    const outcome = make();
    this.#done.set(name, { request, outcome });
    return outcome;
  }
}
