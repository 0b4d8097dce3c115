import * as oauth from 'oauth4webapi';
import { bound } from '../bounded.ts';
import type { Method } from '../connector/authspec.ts';
import type { Scripts } from '../expression/sandbox.ts';
import type { Scope } from '../expression/template.ts';
import type { HttpRequest, HttpResponse, Send } from '../network/send.ts';
import { Secrets } from '../secrets.ts';
import { ASSERTION_TYPE, signAssertion } from './assertion.ts';
import { askMethod, grantedBy } from './method.ts';
import { type OAuthConfig, type Reading, readAnswer } from './oauthconfig.ts';
import { normaliseTokenResponse, parseTokenResponse } from './tokenresponse.ts';
import type { Answered, Ask, Granted } from './type.ts';

/** The texts that make one client at one authorization server, in the library's form. */
export type OAuthClient = {
  readonly server: oauth.AuthorizationServer;
  readonly client: oauth.Client;
  readonly auth: oauth.ClientAuth;
  readonly options: oauth.TokenEndpointRequestOptions;
  /** How the token endpoint answered the last request, and what the definition reads there. */
  readonly last: Last;
};

type Last = {
  readonly scrub: (text: string) => string;
  response?: HttpResponse;
  answer?: Answered;
  reading?: Reading;
  kept?: Granted;
};

export type ClientContext = {
  readonly send: Send;
  readonly scope: Scope;
  readonly scripts?: Scripts | undefined;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly signal?: AbortSignal | undefined;
  /** The parameters that a sign-in came back with. */
  readonly callback?: Readonly<Record<string, string>> | undefined;
  /** What the definition keeps of the answer. */
  readonly keep?: Method | undefined;
  /** For `keep` to ask for more with. */
  readonly ask?: Ask | undefined;
  readonly endsAt?: number | undefined;
  /** Told what the provider is asked with and gives. */
  readonly secrets?: Secrets | undefined;
};

export function oauthClient(config: OAuthConfig, tokenUri: string, context: ClientContext): OAuthClient {
  const { send, signal, callback, secrets = new Secrets() } = context;
  const last: OAuthClient['last'] = { scrub: secrets.scrub };
  const options: oauth.TokenEndpointRequestOptions = {
    [oauth.customFetch]: async (
      url: string,
      init: { method: string; headers: Record<string, string>; body?: unknown },
    ) => {
      const parameters = new URLSearchParams(String(init.body));
      secrets.keep([...parameters].flatMap(([name, value]) => (SECRET_PARAMETERS.has(name) ? [value] : [])));
      const request = tokenRequestOf(config, new URL(url), init.headers, parameters);
      const tls = config.trustedCa ? { tls: { ca: config.trustedCa } } : {};
      last.response = await send(request, { signal, maxBytes: TOKEN_RESPONSE.bytes, ...tls });
      const { status, headers } = last.response;
      last.answer = { status, headers, body: parseTokenResponse(last.response) };
      last.reading = readAnswer(config, { response: last.answer, ...(callback && { callback }) }, context);
      // Whoever reads the token elsewhere is asked before the answer is judged.
      if (context.keep && hidesToken(last.answer, last.reading)) last.kept = await keptOf(last, context.keep, context);
      return normaliseTokenResponse(last.response, { ...last.reading, ...tokensOf(last.kept) });
    },
    // The guard decides about plain http: loopback and hosts that the operator allowed, nothing else.
    [oauth.allowInsecureRequests]: true,
    additionalParameters: config.tokenParameters,
  };
  return {
    server: {
      issuer: config.issuer ?? new URL(tokenUri).origin,
      token_endpoint: tokenUri,
      authorization_response_iss_parameter_supported: config.issuer !== undefined,
      ...(config.revokeUri && { revocation_endpoint: config.revokeUri }),
      ...(config.deviceUri && { device_authorization_endpoint: config.deviceUri }),
    },
    // Not sent where there is none, see `clientAuth`; but the library wants one.
    client: { client_id: config.clientId || 'none' },
    auth: clientAuth(config, context.now, secrets),
    options,
    last,
  };
}

const TOKEN_RESPONSE = bound({
  name: 'an answer of a token endpoint',
  entries: 1,
  bytes: 256 * 1024,
  atBound: 'the sign-in or the refresh fails',
});

/** What a provider may repeat in its answer, and nobody is to read there. */
const SECRET_PARAMETERS = new Set([
  'client_secret',
  'code',
  'code_verifier',
  'refresh_token',
  'password',
  'assertion',
  'client_assertion',
  'subject_token',
  'actor_token',
  'device_code',
  'token',
]);

/** The token request as this provider wants it: RFC 6749 knows but forms by POST. */
function tokenRequestOf(
  { tokenMethod = 'POST', tokenBody = 'form', tokenHeaders = {} }: OAuthConfig,
  url: URL,
  given: Readonly<Record<string, string>>,
  parameters: URLSearchParams,
): HttpRequest {
  const own = Object.entries(tokenHeaders).map(([name, value]) => [name.toLowerCase(), value]);
  const { 'content-type': form = 'application/x-www-form-urlencoded', ...others } = given;
  const headers: Record<string, string> = { ...others, ...Object.fromEntries(own) };
  if (tokenMethod === 'GET' || tokenBody === 'query') {
    for (const [name, value] of parameters) url.searchParams.append(name, value);
    return { method: tokenMethod, url, headers };
  }
  const [type, body] =
    tokenBody === 'json'
      ? ['application/json', JSON.stringify(Object.fromEntries(parameters))]
      : [form, parameters.toString()];
  return { method: 'POST', url, headers: { 'content-type': type, ...headers }, body };
}

/** How the client proves who it is (RFC 6749 §2.3.1, RFC 7523 §2.2). */
function clientAuth(config: OAuthConfig, now: number, secrets: Secrets): oauth.ClientAuth {
  const { clientId, clientSecret, clientAuthLocation = 'body' } = config;
  if (clientAuthLocation === 'private_key_jwt') {
    return async (_server, _client, body) => {
      body.set('client_id', clientId);
      body.set('client_assertion_type', ASSERTION_TYPE);
      body.set('client_assertion', await signAssertion(config, now, 'client'));
    };
  }
  if (!clientSecret) return clientId === '' ? () => {} : oauth.None();
  const pair = `${formEncoded(clientId)}:${formEncoded(clientSecret)}`;
  secrets.keep([clientSecret, pair]);
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

/** Milliseconds until the user must come back, by the names that GitHub, Microsoft and Keycloak use; 0 is never. */
function lifeOfGrant(tokens: oauth.TokenEndpointResponse): number | undefined {
  const seconds = Number(tokens.refresh_token_expires_in ?? tokens.refresh_expires_in);
  return tokens.refresh_token !== undefined && seconds > 0 ? seconds * 1_000 : undefined;
}

/** What is kept of a token response. Without a new refresh token the old one stays, see `renewed`. */
export function renewalOf(
  tokens: oauth.TokenEndpointResponse,
  now: number,
  { last, config }: { last: OAuthClient['last']; config: Pick<OAuthConfig, 'noRefreshToken'> },
): Granted {
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: seconds, scope } = tokens;
  const { reading } = last;
  const values = {
    ...reading?.credentials,
    accessToken,
    ...(refreshToken && !config.noRefreshToken && { refreshToken }),
    ...(scope && { scope }),
  };
  const life = reading?.life ?? (seconds === undefined ? undefined : seconds * 1_000);
  const facts = Object.keys(reading?.account ?? {}).length > 0 ? { facts: reading?.account } : {};
  const grantLife = lifeOfGrant(tokens);
  return {
    values,
    ...(life !== undefined && { expiresAt: now + life }),
    ...(grantLife !== undefined && { grantEndsAt: now + grantLife }),
    ...facts,
  };
}

/** What a method of the definition makes of a token response, on top of what is kept anyway. */
export async function keepAs(granted: Granted, last: Last, context: ClientContext): Promise<Granted> {
  if (!context.keep) return granted;
  const kept = last.kept ?? (await keptOf(last, context.keep, context));
  return { ...granted, ...kept, values: { ...granted.values, ...kept.values } };
}

async function keptOf({ answer }: Last, keep: Method, context: ClientContext): Promise<Granted> {
  const { scope, scripts, ask, endsAt, now, callback } = context;
  const seen = { ...scope, response: answer, ...(callback && { callback }) };
  return grantedBy(await askMethod(keep, { scope: seen, scripts, ask, endsAt }), now);
}

/** A success without a token at the place of RFC 6749 §5.1. */
function hidesToken({ status, body }: Answered, reading: Reading): boolean {
  const { access_token: token, error } = body as Record<string, unknown>;
  return status < 300 && typeof error !== 'string' && typeof (token ?? reading.accessToken) !== 'string';
}

function tokensOf(kept: Granted | undefined): { accessToken?: string; refreshToken?: string } {
  const { accessToken, refreshToken } = kept?.values ?? {};
  return {
    ...(typeof accessToken === 'string' && accessToken !== '' && { accessToken }),
    ...(typeof refreshToken === 'string' && refreshToken !== '' && { refreshToken }),
  };
}
