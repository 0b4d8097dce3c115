import * as oauth from 'oauth4webapi';
import { TielineError } from '../errors.ts';
import type { Scope } from '../expression/template.ts';
import { tokenHeader } from './bearer.ts';
import { oauthClient, oauthConfig, renewalOf } from './oauthclient.ts';
import { optionOf } from './option.ts';
import { tokenError } from './tokenerror.ts';
import type { AuthType, RenewContext } from './type.ts';

/** OAuth 2.0 (RFC 6749): a stored refresh token, or client credentials, give short-lived access tokens. */
export const oauth2: AuthType = {
  schema: { type: 'object', properties: {} },
  apply: (option, scope) => {
    const { header, prefix } = optionOf(option, 'oauth2');
    const token = credential(scope, 'accessToken');
    if (!token) throw new TielineError('reauthorization_required', 'the account has no access token');
    return { headers: tokenHeader(header, prefix, token) };
  },
  renewal: {
    isMissing: (scope) => credential(scope, 'accessToken') === undefined,
    isPossible: (option, scope) =>
      optionOf(option, 'oauth2').grant === 'client_credentials' || credential(scope, 'refreshToken') !== undefined,
    renew,
  },
};

async function renew({ connector, option, scope, send, now, signal }: RenewContext) {
  const config = oauthConfig(option, scope);
  const clientGrant = optionOf(option, 'oauth2').grant === 'client_credentials';
  const client = oauthClient(config, (!clientGrant && config.refreshUri) || config.tokenUri, send, signal);
  const { server, client: id, auth, options, last } = client;
  try {
    if (clientGrant) {
      const parameters = new URLSearchParams();
      if (config.scopes.length > 0) parameters.set('scope', config.scopes.join(config.scopeSeparator ?? ' '));
      for (const [name, value] of Object.entries(config.extraToken ?? {})) parameters.set(name, value);
      const response = await oauth.clientCredentialsGrantRequest(server, id, auth, parameters, options);
      return renewalOf(await oauth.processClientCredentialsResponse(server, id, response), now);
    }
    const refreshToken = credential(scope, 'refreshToken');
    if (!refreshToken) throw new TielineError('reauthorization_required', 'the account has no refresh token');
    const response = await oauth.refreshTokenGrantRequest(server, id, auth, refreshToken, options);
    return renewalOf(await oauth.processRefreshTokenResponse(server, id, response), now);
  } catch (error) {
    throw tokenError(error, connector, last.response);
  }
}

function credential(scope: Scope, name: 'accessToken' | 'refreshToken'): string | undefined {
  const value = (scope.credentials as Record<string, unknown> | undefined)?.[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
