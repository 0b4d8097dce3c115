import type { Values } from '../connector/values.ts';
import { TielineError } from '../errors.ts';
import { withToken } from './bearer.ts';
import { optionalText, optionOf, templateTree } from './option.ts';
import { requestView } from './requestview.ts';
import type { AuthType } from './type.ts';

/**
 * A JWT (RFC 7519) that Tieline signs for the user, a new one for each request, for an API that trusts Tieline: it needs
 * nothing but the public keys (`tieline keys jwks`). `sub` is the user and `organization` theirs; both together name
 * one person, as another organization may use the same name.
 */
export const hostToken: AuthType = {
  schema: { type: 'object', properties: {} },
  apply: async (option, scope, request, { scripts, user, hosts }) => {
    const spec = optionOf(option, 'host_token');
    if (!user) {
      throw new TielineError('config_invalid', 'there are no keys here to sign a token for the user with');
    }
    const { id, organization } = user;
    const seen = { ...scope, request: requestView(request), user: { id, organization } };
    const audience = optionalText(spec.audience, seen, scripts) ?? request.url.origin;
    checkAudience(audience, hosts ?? new Set([request.url.host]));
    const claims = templateTree(spec.claims).evaluate(seen, scripts) as Values;
    const token = await user.signToken({ audience, ttlSeconds: spec.ttl, claims: { ...claims, organization } });
    return withToken(request, spec, token);
  },
};

/** Whoever gets a token could use it at its audience: that is no host which the definition does not own up to. */
function checkAudience(audience: string, hosts: ReadonlySet<string>): void {
  const { host } = URL.canParse(audience) ? new URL(audience) : { host: '' };
  if (host === '' || hosts.has(host)) return;
  throw new TielineError('target_forbidden', `the token would be for ${host}, which this connector does not declare`);
}
