import * as oauth from 'oauth4webapi';
import type { OAuthMapping } from '../connector/authspec.ts';
import type { AuthOption } from '../connector/connector.ts';
import { isTielineError, TielineError } from '../errors.ts';
import type { Scope } from '../expression/template.ts';
import type { HttpResponse, Send } from '../network/send.ts';
import type { Renewal } from './credential.ts';
import { templateTree } from './option.ts';
import { normaliseTokenResponse } from './tokenresponse.ts';

export type OAuthConfig = Omit<OAuthMapping, 'scopes'> & { readonly scopes: readonly string[] };

/** The option's OAuth settings for one account. Throws `config_invalid` when the client ID or an endpoint is missing. */
export function oauthConfig(option: AuthOption, scope: Scope): OAuthConfig {
  const method = option.methods.getOAuthConfig;
  if (!method) throw new TielineError('definition_invalid', `auth option ${option.key} has no getOAuthConfig`);
  const declared = option.spec.type === 'oauth2' ? option.spec.scopes : [];
  const config = templateTree(method.mapping).evaluate({
    ...scope,
    grant: { scopes: declared },
  }) as Partial<OAuthConfig>;
  if (!config.clientId) {
    throw new TielineError('config_invalid', 'the OAuth client ID is not set', {
      hint: 'Set the app of this connector in config.yaml, or let `tieline connect` ask for it.',
    });
  }
  if (!config.tokenUri) throw new TielineError('definition_invalid', `auth option ${option.key} gives no tokenUri`);
  const scopes = config.scopes ?? declared;
  return {
    ...config,
    clientId: config.clientId,
    tokenUri: config.tokenUri,
    scopes: typeof scopes === 'string' ? [scopes] : scopes,
  };
}

/** The texts that make one client at one authorization server, in the library's form. */
export type OAuthClient = {
  readonly server: oauth.AuthorizationServer;
  readonly client: oauth.Client;
  readonly auth: oauth.ClientAuth;
  readonly options: oauth.TokenEndpointRequestOptions;
  /** How the token endpoint answered the last request. */
  readonly last: { response?: HttpResponse };
};

export function oauthClient(config: OAuthConfig, tokenUri: string, send: Send, signal?: AbortSignal): OAuthClient {
  const last: { response?: HttpResponse } = {};
  const options: oauth.TokenEndpointRequestOptions = {
    [oauth.customFetch]: async (
      url: string,
      init: { method: string; headers: Record<string, string>; body?: unknown },
    ) => {
      const headers = { ...init.headers, ...config.tokenHeaders };
      const body = init.body === undefined ? undefined : String(init.body);
      const request = { method: init.method, url: new URL(url), headers, ...(body !== undefined && { body }) };
      last.response = await send(request, { signal, maxBytes: LARGEST_TOKEN_RESPONSE });
      return normaliseTokenResponse(last.response);
    },
    // The guard decides about plain http: loopback and hosts that the operator allowed, nothing else.
    [oauth.allowInsecureRequests]: true,
    additionalParameters: config.extraToken ?? {},
  };
  return {
    server: { issuer: new URL(tokenUri).origin, token_endpoint: tokenUri },
    client: { client_id: config.clientId },
    auth: clientAuth(config),
    options,
    last,
  };
}

const LARGEST_TOKEN_RESPONSE = 256 * 1024;

/** Where the client's secret goes (RFC 6749 §2.3.1). */
function clientAuth({ clientId, clientSecret, clientAuthLocation = 'body' }: OAuthConfig): oauth.ClientAuth {
  if (!clientSecret) return oauth.None();
  if (clientAuthLocation === 'headers') return oauth.ClientSecretBasic(clientSecret);
  if (clientAuthLocation === 'body') return oauth.ClientSecretPost(clientSecret);
  const basic = oauth.ClientSecretBasic(clientSecret);
  return (server, client, body, headers) => {
    basic(server, client, body, headers);
    body.set('client_id', clientId);
    body.set('client_secret', clientSecret);
  };
}

/** What is kept of a token response. Without a new refresh token the old one stays, see `renewed`. */
export function renewalOf(tokens: oauth.TokenEndpointResponse, now: number): Renewal {
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: seconds, scope } = tokens;
  const values = { accessToken, ...(refreshToken && { refreshToken }), ...(scope && { scope }) };
  return seconds === undefined ? { values } : { values, expiresAt: now + seconds * 1_000 };
}

/** Errors of RFC 6749 §5.2 after which the grant is over, whatever is done with it. */
const GRANT_IS_OVER = new Set(['invalid_grant', 'bad_refresh_token', 'token_revoked', 'invalid_refresh_token']);

/** The failure of a token request in Tieline's terms: is it the grant, the client, or the moment? */
export function tokenError(error: unknown, connector: string, last: HttpResponse | undefined): TielineError {
  if (error instanceof oauth.ResponseBodyError) {
    const description = plain(error.error_description);
    const reason = description ? `${error.error}: ${description}` : error.error;
    if (GRANT_IS_OVER.has(error.error)) {
      return new TielineError(
        'reauthorization_required',
        `${connector} no longer accepts this authorization (${reason})`,
        {
          hint: `Connect the account again: tieline connect ${connector}`,
          cause: error,
        },
      );
    }
    if (error.status < 500 && error.status !== 429) {
      return new TielineError('config_invalid', `${connector} refused the token request (${reason})`, {
        hint: 'Check the client ID, client secret and scopes of the OAuth app.',
        cause: error,
      });
    }
  }
  if (isTielineError(error) && error.code === 'canceled') return error;
  const status = last ? ` (status ${last.status})` : '';
  const what = isTielineError(error) ? `: ${error.message}` : status;
  return new TielineError('refresh_failed', `the token endpoint of ${connector} could not be used${what}`, {
    hint: 'Try again in a while.',
    retryAfter: 30,
    cause: error,
  });
}

/** Provider text that may be shown: one line, bounded, no markup. */
const plain = (text: string | undefined): string | undefined =>
  text
    ?.replace(/[<>\s]+/g, ' ')
    .trim()
    .slice(0, 200) || undefined;
