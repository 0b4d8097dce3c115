import * as oauth from 'oauth4webapi';
import { CookieJar } from '../../src/sandbox/cookies.ts';
import { signIn } from '../../src/sandbox/person.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';

export const REDIRECT_URI = 'http://127.0.0.1:49876/callback/sandbox';
const http = { [oauth.allowInsecureRequests]: true };

/** An OAuth client of the sandbox, as any program could be one. */
export async function oauthClient(sandbox: Sandbox, how: 'basic' | 'post' = 'basic') {
  const issuer = new URL(`${sandbox.url}/oauth`);
  const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...http });
  const server = await oauth.processDiscoveryResponse(issuer, found);
  const client: oauth.Client = { client_id: sandbox.clientId };
  const authentication =
    how === 'basic' ? oauth.ClientSecretBasic(sandbox.clientSecret) : oauth.ClientSecretPost(sandbox.clientSecret);

  return {
    server,

    authorizationUrl(verifierChallenge: string, parameters: Record<string, string> = {}): URL {
      const url = new URL(String(server.authorization_endpoint));
      url.search = new URLSearchParams({
        client_id: sandbox.clientId,
        redirect_uri: REDIRECT_URI,
        response_type: 'code',
        state: 'state-1',
        code_challenge: verifierChallenge,
        code_challenge_method: 'S256',
        ...parameters,
      }).toString();
      return url;
    },

    /** The whole flow as this person; `verifier` replaces the right one at the token endpoint. */
    async link(personId: string, options: { scope?: string; verifier?: string; cookies?: CookieJar } = {}) {
      const verifier = oauth.generateRandomCodeVerifier();
      const challenge = await oauth.calculatePKCECodeChallenge(verifier);
      const asked = this.authorizationUrl(challenge, options.scope ? { scope: options.scope } : {});
      const landed = await signIn(asked.href, personId, { cookies: options.cookies ?? new CookieJar() });
      const answer = oauth.validateAuthResponse(server, client, new URL(landed), 'state-1');
      const response = await oauth.authorizationCodeGrantRequest(
        server,
        client,
        authentication,
        answer,
        REDIRECT_URI,
        options.verifier ?? verifier,
        http,
      );
      return oauth.processAuthorizationCodeResponse(server, client, response);
    },

    async refresh(refreshToken: string | undefined) {
      const response = await oauth.refreshTokenGrantRequest(server, client, authentication, String(refreshToken), http);
      return oauth.processRefreshTokenResponse(server, client, response);
    },

    async clientCredentials(scope?: string) {
      const parameters = new URLSearchParams(scope ? { scope } : {});
      const response = await oauth.clientCredentialsGrantRequest(server, client, authentication, parameters, http);
      return oauth.processClientCredentialsResponse(server, client, response);
    },

    async revoke(token: string | undefined) {
      const response = await oauth.revocationRequest(server, client, authentication, String(token), http);
      return oauth.processRevocationResponse(response);
    },

    async userinfo(accessToken: string): Promise<unknown> {
      const response = await oauth.userInfoRequest(server, client, accessToken, http);
      return oauth.processUserInfoResponse(server, client, oauth.skipSubjectCheck, response);
    },
  };
}

/** The status of `GET /api/v1/me` with this access token. */
export async function meStatus(sandbox: Sandbox, accessToken: string): Promise<number> {
  const response = await fetch(`${sandbox.url}/api/v1/me`, { headers: { authorization: `Bearer ${accessToken}` } });
  await response.text();
  return response.status;
}
