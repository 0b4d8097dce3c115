import * as oauth from 'oauth4webapi';
import type { AuthOption } from '../connector/connector.ts';
import { TielineError } from '../errors.ts';
import type { Scope } from '../expression/template.ts';
import type { Send } from '../network/send.ts';
import type { Renewal } from './credential.ts';
import { oauthClient, oauthConfig, renewalOf } from './oauthclient.ts';
import { plain, tokenError, withoutAnswer } from './tokenerror.ts';

/** A connect flow that waits for the user to come back from the provider. Single use. */
export type Authorization = {
  readonly connector: string;
  readonly option: string;
  readonly state: string;
  /** The PKCE verifier (RFC 7636); empty where the connector switches PKCE off. */
  readonly verifier: string;
  readonly redirectUri: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
};

const LIFE = 10 * 60_000;

/** Starts the authorization code flow (RFC 6749 §4.1) and gives the address to open in the user's browser. */
export async function beginAuthorization(
  connector: string,
  option: AuthOption,
  scope: Scope,
  { redirectUri, now }: { redirectUri: string; now: number },
): Promise<{ url: URL; authorization: Authorization }> {
  const config = oauthConfig(option, scope);
  const url = authorizationEndpoint(config.authorizeUri, option.key);
  const verifier = config.pkce === 'off' ? '' : oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  for (const [name, value] of Object.entries({
    ...config.extra,
    response_type: 'code',
    client_id: config.clientId,
    redirect_uri: redirectUri,
    state,
    ...(config.scopes.length > 0 && { scope: config.scopes.join(config.scopeSeparator ?? ' ') }),
    ...(verifier !== '' && {
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    }),
  })) {
    url.searchParams.set(name, String(value));
  }
  const authorization = { connector, option: option.key, state, verifier, redirectUri, expiresAt: now + LIFE };
  return { url, authorization };
}

/**
 * Exchanges the code that the provider sent the user back with. Throws `authorization_failed` when the callback is
 * not the one that was waited for, or the user or the provider said no.
 */
export async function finishAuthorization(
  authorization: Authorization,
  option: AuthOption,
  scope: Scope,
  callback: URL,
  { send, now, signal }: { send: Send; now: number; signal?: AbortSignal },
): Promise<Renewal> {
  if (now > authorization.expiresAt) throw failed('the sign-in took longer than ten minutes');
  const config = oauthConfig(option, scope);
  const { server, client, auth, options, last } = oauthClient(config, config.tokenUri, send, signal);
  let parameters: URLSearchParams;
  try {
    const received = new URLSearchParams(callback.searchParams);
    // Nothing to compare it with (RFC 9207) where the definition names no issuer.
    if (config.issuer === undefined) received.delete('iss');
    parameters = oauth.validateAuthResponse(server, client, received, authorization.state);
    if (parameters.getAll('code').length !== 1) throw new Error('the callback has no code, or several');
  } catch (error) {
    const denied = error instanceof oauth.AuthorizationResponseError ? plain(error.error) : undefined;
    throw failed(
      denied ? `the provider answered ${denied}` : 'the callback does not belong to this sign-in',
      withoutAnswer(error),
    );
  }
  try {
    const verifier = authorization.verifier || oauth.nopkce;
    const response = await oauth.authorizationCodeGrantRequest(
      server,
      client,
      auth,
      parameters,
      authorization.redirectUri,
      verifier,
      options,
    );
    return renewalOf(await oauth.processAuthorizationCodeResponse(server, client, response), now);
  } catch (error) {
    const reason = tokenError(error, authorization.connector, last.response);
    // A code serves once, so that neither can be mended by another try with it.
    const isLost = reason.code === 'reauthorization_required' || reason.code === 'refresh_failed';
    throw isLost ? failed(reason.message, reason.cause) : reason;
  }
}

const failed = (why: string, cause?: unknown): TielineError =>
  new TielineError('authorization_failed', `the account was not connected: ${why}`, { hint: 'Start again.', cause });

/**
 * Only web addresses may be opened in a browser: a definition could otherwise start programs (CVE-2025-6514). Plain http
 * (RFC 6749 §3.1) stays on this machine.
 */
function authorizationEndpoint(uri: string | undefined, option: string): URL {
  const url = uri !== undefined && URL.canParse(uri) ? new URL(uri) : undefined;
  const isWeb = url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.test(url.hostname));
  if (!url || !isWeb || url.username !== '' || url.password !== '') {
    throw new TielineError('definition_invalid', `auth option ${option} gives no https address to authorize at`);
  }
  return url;
}

const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;
