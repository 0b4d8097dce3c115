import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context, MiddlewareHandler } from 'hono';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { TielineError } from '../errors.ts';
import type { Env } from './context.ts';

const WINDOW_SECONDS = 60;

/** So many requests a minute for each caller, told as draft-ietf-httpapi-ratelimit-headers does. Counted per process. */
export function limitRequests(points: number): MiddlewareHandler<Env> {
  const limiter = new RateLimiterMemory({ points, duration: WINDOW_SECONDS });
  return async (context, next) => {
    const caller = context.get('caller');
    const name = caller.kind === 'client' ? `client ${caller.key.id}` : `user ${caller.user.id}`;
    const state = await limiter.consume(name).catch(refused);
    const reset = Math.ceil(state.msBeforeNext / 1_000);
    context.header('ratelimit-policy', `"requests";q=${points};w=${WINDOW_SECONDS}`);
    context.header('ratelimit', `"requests";r=${Math.max(0, state.remainingPoints)};t=${reset}`);
    if (state.consumedPoints > points) throw tooMany('requests', reset);
    await next();
  };
}

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
    addressOf: (context) => `address ${getConnInfo(context).remote.address ?? 'unknown'}`,
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
