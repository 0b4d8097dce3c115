import { createHash } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { BoundedMap, bound } from '../bounded.ts';
import { isTielineError, TielineError } from '../errors.ts';
import type { User } from '../integration/user.ts';
import type { Env } from './context.ts';

const WINDOW = 60_000;

type Counted = { count: number; readonly endsAt: number };

const COUNTERS = bound({
  name: 'counters of a limit, such as requests of a user',
  entries: 20_000,
  bytes: 8 * 1024 * 1024,
  ms: WINDOW,
  atBound: 'the counter used longest ago begins anew',
});

/** Counts by name within a minute from the first of them on, in this process. */
class Counters {
  readonly #counted = new BoundedMap<Counted>(COUNTERS, () => 32);
  #until = 0;

  /** Whether nothing was counted within the last minute. */
  get isEmpty(): boolean {
    return this.#until < performance.now();
  }

  get(name: string): Counted | undefined {
    const found = this.#counted.get(name);
    return found && found.endsAt > performance.now() ? found : undefined;
  }

  add(name: string): Counted {
    const found = this.get(name);
    if (found) {
      found.count += 1;
      return found;
    }
    const first = { count: 1, endsAt: performance.now() + WINDOW };
    this.#counted.set(name, first);
    this.#until = first.endsAt;
    return first;
  }
}

const secondsLeft = ({ endsAt }: Counted): number => Math.max(1, Math.ceil((endsAt - performance.now()) / 1_000));

/** So many requests a minute for each caller, counted per process. */
export type RequestLimit = {
  /** Counts one, and gives the headers of draft-ietf-httpapi-ratelimit-headers. `over`: no more in so many seconds. */
  take(name: string): { readonly policy: string; readonly limit: string; readonly over: number | undefined };
  /** Counts one. Throws `too_many_requests`. */
  spend(name: string, what?: string): void;
};

export function openRequestLimit(points: number): RequestLimit {
  const counters = new Counters();
  const policy = `"requests";q=${points};w=${WINDOW / 1_000}`;
  const take: RequestLimit['take'] = (name) => {
    const counted = counters.add(name);
    const reset = secondsLeft(counted);
    const limit = `"requests";r=${Math.max(0, points - counted.count)};t=${reset}`;
    return { policy, limit, over: counted.count > points ? reset : undefined };
  };
  return {
    take,
    spend(name, what = 'requests') {
      const { over } = take(name);
      if (over !== undefined) throw tooMany(what, over);
    },
  };
}

export const limitedUser = ({ id }: Pick<User, 'id'>): string => `user ${id}`;

export function limitRequests(limit: RequestLimit): MiddlewareHandler<Env> {
  return async (context, next) => {
    const caller = context.get('caller');
    const state = limit.take(caller.kind === 'client' ? `client ${caller.key.id}` : limitedUser(caller.user));
    context.header('ratelimit-policy', state.policy);
    context.header('ratelimit', state.limit);
    if (state.over !== undefined) throw tooMany('requests', state.over);
    await next();
  };
}

/**
 * Slows down those who guess: what was wrong so often in a minute is not looked at once more under that name. Names
 * hold what was shown (see `shownFrom`), so that whoever shows the right thing is served, whatever others show.
 */
export type FailureLimit = {
  /** Throws `too_many_requests`. The name is made only where anything has failed. */
  check(name: () => string): void;
  count(name: string): void;
  /** How many failures of a name are more than may be, at this moment. */
  excess(name: string): number;
};

export function limitFailures(points: number): FailureLimit {
  const counters = new Counters();
  return {
    check(name) {
      if (counters.isEmpty) return;
      const counted = counters.get(name());
      if (counted && counted.count >= points) throw tooMany('failed attempts', secondsLeft(counted));
    },
    count: (name) => void counters.add(name),
    excess: (name) => Math.max(0, (counters.get(name)?.count ?? 0) - points),
  };
}

/** A text of any length as a short one. */
export const digestOf = (text: string): string =>
  createHash('sha256').update(text, 'utf8').digest('base64url').slice(0, 22);

/**
 * Names what was shown from an address. Keys and tokens are 256 random bits, so that no number of guesses finds one: it
 * is the same wrong one again and again that is not worth a look.
 */
export const shownFrom = (address: string, shown: string): string => `${address} ${digestOf(shown)}`;

/** Whether a failure says that a credential was wrong. A store that is away says nothing of it. */
export const isWrong = (error: unknown): boolean => isTielineError(error) && error.code === 'unauthenticated';

/** Looks at what was shown unless it was wrong too often, and counts it where it is. Throws what `look` does. */
export async function unlessGuessed<T>(failures: FailureLimit, name: () => string, look: () => Promise<T>): Promise<T> {
  failures.check(name);
  try {
    return await look();
  } catch (error) {
    if (isWrong(error)) failures.count(name());
    throw error;
  }
}

const tooMany = (what: string, seconds: number): TielineError =>
  new TielineError('too_many_requests', `too many ${what} in a minute`, { hint: 'Wait.', retryAfter: seconds });
