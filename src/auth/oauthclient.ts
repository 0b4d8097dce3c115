import * as oauth from 'oauth4webapi';
import type { OAuthMapping } from '../connector/authspec.ts';
import type { AuthOption } from '../connector/connector.ts';
import { TielineError } from '../errors.ts';
import type { Scope } from '../expression/template.ts';
import type { HttpResponse, Send } from '../network/send.ts';
import { remember } from '../secret.ts';
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
  const { clientId, tokenUri = '', refreshUri = tokenUri } = config;
  if (!URL.canParse(tokenUri) || !URL.canParse(refreshUri)) {
    throw new TielineError('definition_invalid', `auth option ${option.key} gives no address to get tokens at`);
  }
  const scopes = config.scopes ?? declared;
  return {
    ...config,
    clientId,
    tokenUri,
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
      const headers = { ...init.headers, ...lowerCased(config.tokenHeaders ?? {}) };
      const body = String(init.body);
      for (const [name, value] of new URLSearchParams(body)) if (SECRET_PARAMETERS.has(name)) remember(value);
      const request = { method: init.method, url: new URL(url), headers, body };
      last.response = await send(request, { signal, maxBytes: LARGEST_TOKEN_RESPONSE });
      return normaliseTokenResponse(last.response);
    },
    // The guard decides about plain http: loopback and hosts that the operator allowed, nothing else.
    [oauth.allowInsecureRequests]: true,
    additionalParameters: config.extraToken ?? {},
  };
  return {
    server: {
      issuer: config.issuer ?? new URL(tokenUri).origin,
      token_endpoint: tokenUri,
      authorization_response_iss_parameter_supported: config.issuer !== undefined,
    },
    client: { client_id: config.clientId },
    auth: clientAuth(config),
    options,
    last,
  };
}

const LARGEST_TOKEN_RESPONSE = 256 * 1024;

/** What a provider may repeat in its answer, and nobody is to read there. */
const SECRET_PARAMETERS = new Set(['client_secret', 'code', 'code_verifier', 'refresh_token']);

const lowerCased = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

/** Where the client's secret goes (RFC 6749 §2.3.1). */
function clientAuth({ clientId, clientSecret, clientAuthLocation = 'body' }: OAuthConfig): oauth.ClientAuth {
  if (!clientSecret) return oauth.None();
  const pair = `${formEncoded(clientId)}:${formEncoded(clientSecret)}`;
  remember(clientSecret);
  remember(pair);
  return (_server, _client, body, headers) => {
    if (clientAuthLocation !== 'body') {
      headers.set('authorization', `Basic ${Buffer.from(pair).toString('base64')}`);
    }
    if (clientAuthLocation !== 'headers') {
      body.set('client_id', clientId);
      body.set('client_secret', clientSecret);
    }
  };
}

/** Leaves `-._*` as they are, unlike the library's own: for providers that compare without decoding. */
const formEncoded = (text: string): string => new URLSearchParams([['', text]]).toString().slice(1);

/** What is kept of a token response. Without a new refresh token the old one stays, see `renewed`. */
export function renewalOf(tokens: oauth.TokenEndpointResponse, now: number): Renewal {
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: seconds, scope } = tokens;
  const values = { accessToken, ...(refreshToken && { refreshToken }), ...(scope && { scope }) };
  return seconds === undefined ? { values } : { values, expiresAt: now + seconds * 1_000 };
}
