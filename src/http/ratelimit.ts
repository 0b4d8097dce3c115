import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context, MiddlewareHandler } from 'hono';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { TielineError } from '../errors.ts';
import type { User } from '../integration/user.ts';
import type { Env } from './context.ts';

const WINDOW_SECONDS = 60;

/** So many requests a minute for each caller, counted per process. */
export type RequestLimit = {
  /** Counts one, and gives the headers of draft-ietf-httpapi-ratelimit-headers. `over`: no more in so many seconds. */
  take(name: string): Promise<{ readonly policy: string; readonly limit: string; readonly over: number | undefined }>;
};

export function openRequestLimit(points: number): RequestLimit {
  const limiter = new RateLimiterMemory({ points, duration: WINDOW_SECONDS });
  const policy = `"requests";q=${points};w=${WINDOW_SECONDS}`;
  return {
    async take(name) {
      const state = await limiter.consume(name).catch(refused);
      const reset = Math.ceil(state.msBeforeNext / 1_000);
      const limit = `"requests";r=${Math.max(0, state.remainingPoints)};t=${reset}`;
      return { policy, limit, over: state.consumedPoints > points ? reset : undefined };
    },
  };
}

export const limitedUser = ({ id }: Pick<User, 'id'>): string => `user ${id}`;

export function limitRequests(limit: RequestLimit): MiddlewareHandler<Env> {
  return async (context, next) => {
    const caller = context.get('caller');
    const state = await limit.take(caller.kind === 'client' ? `client ${caller.key.id}` : limitedUser(caller.user));
    context.header('ratelimit-policy', state.policy);
    context.header('ratelimit', state.limit);
    if (state.over !== undefined) throw tooMany('requests', state.over);
    await next();
  };
}

export const limitedAddress = (address: string | undefined): string => `address ${address ?? 'unknown'}`;

/** Slows down those who guess: after so many failures in a minute nothing more is tried for that name. */
export type FailureLimit = {
  /** Of the connection; what a header says of it could be made up. */
  addressOf(context: Context<Env>): string;
  /** Throws `too_many_requests`. */
  check(name: string): Promise<void>;
  count(name: string): Promise<void>;
};

export function limitFailures(points: number): FailureLimit {
  const limiter = new RateLimiterMemory({ points, duration: WINDOW_SECONDS });
  return {
    addressOf: (context) => limitedAddress(getConnInfo(context).remote.address),
    async check(name) {
      const state = await limiter.get(name);
      if (state && state.consumedPoints >= points)
        throw tooMany('failed attempts', Math.ceil(state.msBeforeNext / 1_000));
    },
    async count(name) {
      await limiter.consume(name).catch(refused);
    },
  };
}

/** The library throws its answer when the points are used up. */
function refused(reason: unknown): RateLimiterRes {
  if (reason instanceof RateLimiterRes) return reason;
  throw reason;
}

const tooMany = (what: string, seconds: number): TielineError =>
  new TielineError('too_many_requests', `too many ${what} in a minute`, {
    hint: 'Wait.',
    retryAfter: Math.max(1, seconds),
  });
