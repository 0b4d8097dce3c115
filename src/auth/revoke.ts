import * as oauth from 'oauth4webapi';
import { planRequest } from '../connector/plan.ts';
import type { Scope } from '../expression/template.ts';
import { httpOf } from './http.ts';
import { runFunction, sourceOf } from './method.ts';
import { oauthClient } from './oauthclient.ts';
import { oauthConfig } from './oauthconfig.ts';
import { tokenError } from './tokenerror.ts';
import type { RenewContext } from './type.ts';

/**
 * Ends the account's tokens at the provider: by the option's `revoke`, else by RFC 7009 where the definition gives a
 * revokeUri. False when there is no way to, which a function of the definition says by giving false.
 *
 * @throws TielineError when the provider could not be asked or refused.
 */
export async function revokeTokens(context: RenewContext): Promise<boolean> {
  const { connector, option, scope, scripts, ask } = context;
  const { revoke } = option.methods;
  const source = revoke && sourceOf(revoke);
  if (source !== undefined) return (await runFunction(source, context, httpOf(ask, scope))) !== false;
  if (revoke?.request) {
    const { status } = await ask(planRequest(revoke.request), scope);
    // Whoever is refused with the token has it revoked already.
    if (status < 300 || status === 401 || status === 404) return true;
    throw tokenError(new Error(`the revocation was answered with status ${status}`), connector);
  }
  const { type } = option.spec;
  const [token, hint] = tokenOf(scope);
  if (type !== 'oauth2' || !option.methods.getOAuthConfig || token === undefined) return false;
  const config = oauthConfig(option, scope, scripts);
  if (!config.revokeUri) return false;
  const { server, client, auth, options, last } = oauthClient(config, config.revokeUri, context);
  try {
    const additionalParameters = { token_type_hint: hint };
    const response = await oauth.revocationRequest(server, client, auth, token, { ...options, additionalParameters });
    await oauth.processRevocationResponse(response);
    return true;
  } catch (error) {
    throw tokenError(error, connector, last);
  }
}

/** The refresh token, with which the whole grant ends (RFC 7009 §2.1). */
function tokenOf(scope: Scope): [string | undefined, 'refresh_token' | 'access_token'] {
  const { refreshToken, accessToken } = (scope.credentials ?? {}) as Record<string, unknown>;
  if (typeof refreshToken === 'string' && refreshToken !== '') return [refreshToken, 'refresh_token'];
  return [typeof accessToken === 'string' && accessToken !== '' ? accessToken : undefined, 'access_token'];
}
