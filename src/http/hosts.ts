import type { MiddlewareHandler } from 'hono';
import { TielineError } from '../errors.ts';
import type { Env } from './context.ts';

/** Hosts of this machine, as in `URL.hostname`. */
export const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Serves only requests that name this server as their host: a page of another site whose name was made to lead here
 * (DNS rebinding) would otherwise be served like one of ours.
 */
export function knownHosts(url: string): MiddlewareHandler<Env> {
  const known = new Set([new URL(url).hostname, ...LOOPBACK]);
  return async (context, next) => {
    const host = context.req.header('host') ?? '';
    const name = URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : '';
    if (!known.has(name)) {
      throw new TielineError('host_unknown', 'this server does not go by that name', {
        hint: 'Set TIELINE_URL to the address at which clients reach it.',
      });
    }
    await next();
  };
}
