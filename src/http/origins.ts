import type { MiddlewareHandler } from 'hono';
import { TielineError } from '../errors.ts';
import type { Env } from './context.ts';
import { LOOPBACK } from './hosts.ts';

/**
 * Serves browsers only from pages of this server, or of this machine where the server is reached on it: any other page
 * would speak with the rights of whoever looks at it (MCP: `Origin` must be checked, and refused with 403).
 */
export function knownOrigins(url: string): MiddlewareHandler<Env> {
  const own = new URL(url);
  const isLocal = LOOPBACK.includes(own.hostname);
  const isKnown = (origin: string): boolean => {
    if (!URL.canParse(origin)) return false; // "null" among them
    const { origin: normalized, protocol, hostname } = new URL(origin);
    if (normalized === own.origin) return true;
    return isLocal && /^https?:$/.test(protocol) && LOOPBACK.includes(hostname);
  };
  return async (context, next) => {
    const origin = context.req.header('origin');
    if (origin !== undefined && !isKnown(origin)) {
      throw new TielineError('origin_unknown', 'pages of this origin are not served', {
        hint: 'Connect an MCP client, not a page of another site.',
      });
    }
    await next();
  };
}
