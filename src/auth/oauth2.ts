import * as oauth from 'oauth4webapi';
import { TielineError } from '../errors.ts';
import type { Scope } from '../expression/template.ts';
import { withToken } from './bearer.ts';
import { keepAs, type OAuthClient, oauthClient, renewalOf } from './oauthclient.ts';
import { type OAuthConfig, oauthConfig } from './oauthconfig.ts';
import { type OwnGrant, ownGrant } from './oauthgrant.ts';
import { optionOf } from './option.ts';
import { tokenError } from './tokenerror.ts';
import type { AuthType, Granted, RenewContext } from './type.ts';

/** OAuth 2.0 (RFC 6749): a stored refresh token, or a grant that needs nobody, gives short-lived access tokens. */
export const oauth2: AuthType = {
  schema: { type: 'object', properties: {} },
  apply: (option, scope, request) => {
    const token = credential(scope, 'accessToken');
    if (!token) throw new TielineError('reauthorization_required', 'the account has no access token');
    return withToken(request, optionOf(option, 'oauth2'), token);
  },
  renewal: {
    isMissing: (scope) => credential(scope, 'accessToken') === undefined,
    isPossible: (option, scope) =>
      ownGrant(optionOf(option, 'oauth2').grant) !== undefined || credential(scope, 'refreshToken') !== undefined,
    renew,
  },
};

async function renew(context: RenewContext): Promise<Granted> {
  const { connector, option, scope, scripts, now } = context;
  const config = oauthConfig(option, scope, scripts);
  const grant = ownGrant(optionOf(option, 'oauth2').grant);
  const more = { ...context, keep: option.methods.getCredentialsFromRefreshTokenResponse };
  const client = oauthClient(config, (!grant && config.refreshUri) || config.tokenUri, more);
  const { last } = client;
  try {
    const tokens = grant
      ? await askAnew(client, grant, config, now)
      : await refresh(client, config, credential(scope, 'refreshToken'));
    return await keepAs(renewalOf(tokens, now, { last, config }), last, more);
  } catch (error) {
    throw tokenError(error, connector, last);
  }
}

async function refresh({ server, client, auth, options }: OAuthClient, config: OAuthConfig, refreshToken?: string) {
  if (!refreshToken) throw new TielineError('reauthorization_required', 'the account has no refresh token');
  const additionalParameters = { ...config.tokenParameters, ...config.extraRefresh };
  const response = await oauth.refreshTokenGrantRequest(server, client, auth, refreshToken, {
    ...options,
    additionalParameters,
  });
  return oauth.processRefreshTokenResponse(server, client, response);
}

async function askAnew(
  { server, client, auth, options }: OAuthClient,
  grant: OwnGrant,
  config: OAuthConfig,
  now: number,
) {
  const { additionalParameters: _, ...bare } = options;
  const parameters = { ...(await grant.parameters(config, now)), ...scopeOf(config), ...config.tokenParameters };
  const response = await oauth.genericTokenEndpointRequest(server, client, auth, grant.type, parameters, bare);
  return oauth.processGenericTokenEndpointResponse(server, client, response);
}

/** Not where the assertion itself holds them, as Google wants it. */
const scopeOf = ({ scopes, scopeSeparator = ' ', assertion }: OAuthConfig): { scope?: string } =>
  scopes.length > 0 && assertion?.claims?.scope === undefined ? { scope: scopes.join(scopeSeparator) } : {};

function credential(scope: Scope, name: 'accessToken' | 'refreshToken'): string | undefined {
  const value = (scope.credentials as Record<string, unknown> | undefined)?.[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
