import * as oauth from 'oauth4webapi';
import { cleanError } from '../cleanerror.ts';
import { isTielineError, TielineError } from '../errors.ts';
import { once } from '../network/once.ts';
import type { Sender } from '../network/send.ts';
import { Secrets } from '../secrets.ts';

/** An OpenID Connect provider at which users sign in. */
export type OpenIdProvider = {
  /** Begins a sign-in. Throws what keeps its metadata from being fetched. */
  begin(redirectUri: string): Promise<{ readonly url: URL; readonly pending: PendingSignIn }>;
  /** The claims of who has signed in, when the browser is back. Throws `authorization_failed`. */
  finish(pending: PendingSignIn, callback: URL): Promise<Readonly<Record<string, unknown>>>;
};

/** Single use, and for the browser alone in which it was begun. */
export type PendingSignIn = {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly redirectUri: string;
};

export type OpenIdOptions = {
  readonly issuer: string;
  readonly clientId: string;
  /** Absent for a public client. */
  readonly clientSecret?: string | undefined;
  /** Default `openid profile email`. */
  readonly scope?: string | undefined;
  readonly sender: Sender;
};

const MOST_BYTES = 512 * 1024;
const TIMEOUT = 10_000;

/** The authorization code flow with PKCE (RFC 7636) and a nonce (OpenID Connect Core §3.1). */
export function openIdProvider(options: OpenIdOptions): OpenIdProvider {
  const { issuer, clientId, clientSecret, scope = 'openid profile email', sender } = options;
  const client: oauth.Client = { client_id: clientId };
  const http = {
    [oauth.customFetch]: (address: string, init: oauth.CustomFetchOptions<string, URLSearchParams | undefined>) =>
      send(sender, address, init),
    // The guard decides about plain http: loopback and hosts that the operator allowed, nothing else.
    [oauth.allowInsecureRequests]: true,
  };
  const signatures = { ...http, [oauth.jwksCache]: {} } as oauth.ValidateSignatureOptions;
  // Anybody may begin to sign in: a provider that is down is not asked for each of them.
  const server = once(async (): Promise<oauth.AuthorizationServer> => {
    const url = new URL(issuer);
    try {
      const response = await oauth.discoveryRequest(url, http as oauth.DiscoveryRequestOptions);
      return await oauth.processDiscoveryResponse(url, response);
    } catch (cause) {
      throw isTielineError(cause) ? cause : failed(`the metadata of ${issuer} cannot be read`, cause);
    }
  });

  return {
    async begin(redirectUri) {
      const { authorization_endpoint: endpoint } = await server();
      if (endpoint === undefined) throw failed(`${issuer} says not where to sign in`);
      const verifier = oauth.generateRandomCodeVerifier();
      const pending = { state: oauth.generateRandomState(), nonce: oauth.generateRandomNonce(), verifier, redirectUri };
      const url = new URL(endpoint);
      for (const [name, value] of Object.entries({
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        scope,
        state: pending.state,
        nonce: pending.nonce,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      })) {
        url.searchParams.set(name, value);
      }
      return { url, pending };
    },
    async finish({ state, nonce, verifier, redirectUri }, callback) {
      const as = await server();
      const secrets = new Secrets([clientSecret ?? '', verifier, nonce, callback.searchParams.get('code') ?? '']);
      try {
        const parameters = oauth.validateAuthResponse(as, client, callback, state);
        const auth = clientSecret === undefined ? oauth.None() : clientAuth(as, clientSecret);
        const options = http as oauth.TokenEndpointRequestOptions;
        const response = await oauth.authorizationCodeGrantRequest(
          as,
          client,
          auth,
          parameters,
          redirectUri,
          verifier,
          options,
        );
        const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
          expectedNonce: nonce,
          requireIdToken: true,
        });
        // OpenID Connect Core §3.1.3.7 allows to go by TLS alone; whoever sits behind it must still not speak for anybody.
        await oauth.validateApplicationLevelSignature(as, response, signatures);
        // Without user info endpoint the ID token is all there is; where both are, they must speak of one person.
        const claims = oauth.getValidatedIdTokenClaims(tokens);
        if (!claims) throw failed('there was no ID token');
        if (as.userinfo_endpoint === undefined) return claims;
        const info = await oauth.userInfoRequest(as, client, tokens.access_token, http as oauth.UserInfoRequestOptions);
        return { ...(await oauth.processUserInfoResponse(as, client, claims.sub, info)), ...claims };
      } catch (cause) {
        throw cleanError(
          isTielineError(cause) ? cause : failed('the provider did not confirm it', cause),
          secrets.scrub,
        );
      }
    },
  };
}

function clientAuth(as: oauth.AuthorizationServer, secret: string): oauth.ClientAuth {
  const methods = as.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  return methods.includes('client_secret_basic') ? oauth.ClientSecretBasic(secret) : oauth.ClientSecretPost(secret);
}

async function send(
  sender: Sender,
  address: string,
  { method, headers, body }: oauth.CustomFetchOptions<string, URLSearchParams | undefined>,
): Promise<Response> {
  const url = new URL(address);
  const request = { method, url, headers, ...(body && { body: body.toString() }) };
  const {
    status,
    headers: answered,
    bytes,
  } = await sender.send(request, {
    allowedHosts: new Set([url.host]),
    maxBytes: MOST_BYTES,
    followRedirects: false,
    timeouts: { totalMs: TIMEOUT },
  });
  const { 'content-type': type = '' } = answered;
  return new Response(status === 204 ? null : Buffer.from(bytes), { status, headers: { 'content-type': type } });
}

const failed = (why: string, cause?: unknown): TielineError =>
  new TielineError('authorization_failed', `nobody was signed in: ${why}`, { hint: 'Begin again.', cause });
