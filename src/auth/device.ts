import { setTimeout as sleep } from 'node:timers/promises';
import * as oauth from 'oauth4webapi';
import type { AuthOption } from '../connector/connector.ts';
import { isTielineError, TielineError } from '../errors.ts';
import { type ClientContext, keepAs, type OAuthClient, oauthClient, renewalOf } from './oauthclient.ts';
import { type OAuthConfig, oauthConfig } from './oauthconfig.ts';
import { plain, tokenError, withoutAnswer } from './tokenerror.ts';
import type { Granted } from './type.ts';
import { webAddress } from './webaddress.ts';

/** A sign-in on another device that waits for its user (RFC 8628). */
export type DeviceSignIn = {
  /** Where the user goes, and what they type there. */
  readonly verificationUri: string;
  readonly userCode: string;
  /** The same address with the code already in it. */
  readonly completeUri?: string | undefined;
  readonly deviceCode: string;
  /** Seconds between two questions. */
  readonly interval: number;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
};

/** Throws `authorization_failed` when the provider does not start the flow. */
export async function beginDevice(
  connector: string,
  option: AuthOption,
  context: ClientContext,
): Promise<DeviceSignIn> {
  const config = oauthConfig(option, context.scope, context.scripts);
  const { server, client, auth, options, last } = deviceClient(config, option, context);
  const { scopes, scopeSeparator = ' ', extra = {} } = config;
  const parameters = { ...extra, ...(scopes.length > 0 && { scope: scopes.join(scopeSeparator) }) };
  try {
    const { additionalParameters: _, ...plainly } = options;
    const response = await oauth.deviceAuthorizationRequest(server, client, auth, parameters, plainly);
    const started = await oauth.processDeviceAuthorizationResponse(server, client, response);
    return {
      verificationUri: addressOf(started.verification_uri),
      userCode: plain(started.user_code) ?? '',
      completeUri: started.verification_uri_complete && addressOf(started.verification_uri_complete),
      deviceCode: started.device_code,
      interval: started.interval ?? 5,
      expiresAt: context.now + started.expires_in * 1_000,
    };
  } catch (error) {
    if (isTielineError(error) && error.code === 'authorization_failed') throw error;
    throw tokenError(error, connector, last);
  }
}

/** One question whether the user is done. Undefined: not yet; `slower` raises the interval by five seconds (§3.5). */
export async function askDevice(
  connector: string,
  option: AuthOption,
  started: DeviceSignIn,
  context: ClientContext,
): Promise<Granted | 'pending' | 'slower'> {
  const { scope, scripts, now } = context;
  const config = oauthConfig(option, scope, scripts);
  const more = { ...context, keep: option.methods.getCredentialsFromAccessTokenResponse };
  const { server, client, auth, options, last } = deviceClient(config, option, more);
  try {
    const response = await oauth.deviceCodeGrantRequest(server, client, auth, started.deviceCode, options);
    const tokens = await oauth.processDeviceCodeResponse(server, client, response);
    return await keepAs(renewalOf(tokens, now, { last, config }), last, more);
  } catch (error) {
    const reason = error instanceof oauth.ResponseBodyError ? error.error : undefined;
    if (reason === 'authorization_pending') return 'pending';
    if (reason === 'slow_down') return 'slower';
    if (reason === 'access_denied' || reason === 'expired_token') {
      throw failed(reason === 'access_denied' ? 'the user or the provider said no' : 'the code has run out', error);
    }
    throw tokenError(error, connector, last);
  }
}

/** Asks until the user is done or the code has run out. Throws `authorization_failed`, or `canceled`. */
export async function waitForDevice(
  connector: string,
  option: AuthOption,
  started: DeviceSignIn,
  context: Omit<ClientContext, 'now'> & { readonly now: () => number },
): Promise<Granted> {
  let { interval } = started;
  while (context.now() < started.expiresAt) {
    await sleep(interval * 1_000, undefined, { signal: context.signal }).catch(() => {
      throw new TielineError('canceled', 'the sign-in was canceled');
    });
    const answer = await askDevice(connector, option, started, { ...context, now: context.now() }).catch(patiently);
    if (answer === 'slower') interval += 5;
    else if (answer !== 'pending') return answer;
  }
  throw failed('nobody finished the sign-in in time');
}

/** What may pass at the next question (§3.5: a time-out of the connection). */
export function patiently(error: unknown): 'pending' {
  if (isTielineError(error) && error.code === 'refresh_failed') return 'pending';
  throw error;
}

function deviceClient(config: OAuthConfig, option: AuthOption, context: ClientContext): OAuthClient {
  if (config.deviceUri && URL.canParse(config.deviceUri)) return oauthClient(config, config.tokenUri, context);
  throw new TielineError('definition_invalid', `auth option ${option.key} gives no deviceUri`);
}

function addressOf(text: string): string {
  const url = webAddress(text);
  if (!url) throw failed('the provider gave no web address to sign in at');
  return url.href;
}

const failed = (why: string, cause?: unknown): TielineError =>
  new TielineError('authorization_failed', `the account was not connected: ${why}`, {
    hint: 'Start again.',
    cause: withoutAnswer(cause),
  });
