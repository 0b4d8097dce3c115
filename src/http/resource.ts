import { type Context, Hono } from 'hono';
import { supportedScopes, usualScopes } from '../execute/policy.ts';
import type { Scope } from '../integration/principal.ts';
import type { Backend, Env } from './context.ts';
import { mcpUrl } from './mcpcaller.ts';

const METADATA = '/.well-known/oauth-protected-resource';

/** What MCP clients need to know of `/mcp` to sign in (RFC 9728), at the address of the resource and at the root. */
export function resourceRoutes({ engine, url, issuers = [], authorizationServer = false }: Backend): Hono<Env> {
  const servers = [...(authorizationServer ? [url] : []), ...issuers.map((it) => it.issuer)];
  const metadata = () => ({
    resource: mcpUrl(url),
    // RFC 9728 §3.2: an empty list must be left out.
    ...(servers.length > 0 && { authorization_servers: servers }),
    scopes_supported: supportedScopes(engine),
    bearer_methods_supported: ['header'],
    resource_name: 'Tieline',
  });
  const answer = (context: Context<Env>) => {
    context.header('cache-control', 'public, max-age=300');
    context.header('access-control-allow-origin', '*');
    return context.json(metadata());
  };
  return new Hono<Env>().get(`${METADATA}/mcp`, answer).get(METADATA, answer);
}

/** `WWW-Authenticate` of a refusal (RFC 6750 §3, RFC 9728 §5.1). Without `error`: no credential came at all. */
export function challenge(
  { engine, url }: Pick<Backend, 'engine' | 'url'>,
  {
    error,
    scopes = usualScopes(engine),
  }: { readonly error?: 'invalid_token' | 'insufficient_scope'; readonly scopes?: readonly Scope[] },
): string {
  const parts = [
    ...(error === undefined ? [] : [`error="${error}"`]),
    `scope="${scopes.join(' ')}"`,
    `resource_metadata="${url}${METADATA}/mcp"`,
  ];
  return `Bearer ${parts.join(', ')}`;
}
