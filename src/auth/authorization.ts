import * as oauth from 'oauth4webapi';
import type { AuthOption } from '../connector/connector.ts';
import { planRequest } from '../connector/plan.ts';
import { TielineError } from '../errors.ts';
import type { Scripts } from '../expression/sandbox.ts';
import type { Scope } from '../expression/template.ts';
import type { Send } from '../network/send.ts';
import type { Secrets } from '../secrets.ts';
import { askMethod, grantedBy } from './method.ts';
import { keepAs, oauthClient, renewalOf } from './oauthclient.ts';
import { oauthConfig } from './oauthconfig.ts';
import { plain, tokenError, withoutAnswer } from './tokenerror.ts';
import type { Ask, Granted } from './type.ts';
import { webAddress } from './webaddress.ts';

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
  { redirectUri, now, scripts }: { redirectUri: string; now: number; scripts?: Scripts | undefined },
): Promise<{ url: URL; authorization: Authorization }> {
  const config = oauthConfig(option, scope, scripts);
  const url = authorizationEndpoint(config.authorizeUri, option.key);
  const verifier = config.pkce === 'off' ? '' : oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  for (const [name, value] of Object.entries({
    ...config.extra,
    response_type: 'code',
    client_id: config.clientId,
    redirect_uri: redirectUri,
    state,
    ...(config.audience && { audience: config.audience }),
    ...(config.resource && { resource: config.resource }),
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
  context: FinishContext,
): Promise<Granted> {
  const { now, scripts } = context;
  if (now > authorization.expiresAt) throw failed('the sign-in took longer than ten minutes');
  const config = oauthConfig(option, scope, scripts);
  const { getTokenData, getCredentialsFromAccessTokenResponse: keep } = option.methods;
  const more = { ...context, scope, keep, callback: Object.fromEntries(callback.searchParams) };
  const { server, client, auth, options, last } = oauthClient(config, config.tokenUri, more);
  let parameters: URLSearchParams;
  try {
    const received = new URLSearchParams(callback.searchParams);
    // Nothing to compare it with (RFC 9207) where the definition names no issuer.
    if (config.issuer === undefined) received.delete('iss');
    const { codeParam = 'code' } = config;
    if (codeParam !== 'code') renameCode(received, codeParam);
    parameters = oauth.validateAuthResponse(server, client, received, authorization.state);
    if (parameters.getAll('code').length !== 1) throw new Error('the callback has no code, or several');
  } catch (error) {
    const denied = error instanceof oauth.AuthorizationResponseError ? plain(error.error, last.scrub) : undefined;
    throw failed(
      denied ? `the provider answered ${denied}` : 'the callback does not belong to this sign-in',
      withoutAnswer(error),
    );
  }
  if (getTokenData) {
    return tokenData(getTokenData, { ...more.callback, code: parameters.get('code') ?? '' }, authorization, {
      ...context,
      scope,
    });
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
    const tokens = await oauth.processAuthorizationCodeResponse(server, client, response);
    const granted = renewalOf(tokens, now, { last, config });
    return await keepAs(granted, last, more);
  } catch (error) {
    const reason = tokenError(error, authorization.connector, last);
    // A code serves once, so that neither can be mended by another try with it.
    const isLost = reason.code === 'reauthorization_required' || reason.code === 'refresh_failed';
    throw isLost ? failed(reason.message, reason.cause) : reason;
  }
}

export type FinishContext = {
  readonly send: Send;
  /** For definitions that exchange the code by a request of their own. */
  readonly ask?: Ask | undefined;
  readonly now: number;
  readonly signal?: AbortSignal | undefined;
  readonly scripts?: Scripts | undefined;
  /** Told what the provider is asked with and gives. */
  readonly secrets?: Secrets | undefined;
};

function renameCode(received: URLSearchParams, name: string): void {
  const codes = received.getAll(name);
  received.delete('code');
  for (const code of codes) received.append('code', code);
}

/** The exchange as the definition does it, with what `getTokenData` keeps of the answer. `expiresIn` is in seconds. */
async function tokenData(
  method: NonNullable<AuthOption['methods']['getTokenData']>,
  callback: Readonly<Record<string, string>>,
  { verifier, redirectUri }: Authorization,
  { ask, now, scope, scripts, secrets }: FinishContext & { readonly scope: Scope },
): Promise<Granted> {
  if (!ask) throw new TielineError('definition_invalid', 'getTokenData cannot be used here');
  secrets?.keep([callback.code ?? '', verifier]);
  const seen = { ...scope, callback, codeVerifier: verifier, redirectUri };
  const response = method.request && (await ask(planRequest(method.request), seen));
  if (response && response.status >= 300) {
    throw failed(`the provider answered the exchange with status ${response.status}`);
  }
  return grantedBy(await askMethod(method, { scope: { ...seen, response }, scripts, ask }), now);
}

const failed = (why: string, cause?: unknown): TielineError =>
  new TielineError('authorization_failed', `the account was not connected: ${why}`, { hint: 'Start again.', cause });

function authorizationEndpoint(uri: string | undefined, option: string): URL {
  const url = webAddress(uri);
  if (!url)
    throw new TielineError('definition_invalid', `auth option ${option} gives no https address to authorize at`);
  return url;
}
