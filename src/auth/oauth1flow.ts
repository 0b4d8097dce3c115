import { randomBytes } from 'node:crypto';
import type { AuthOption } from '../connector/connector.ts';
import { TielineError } from '../errors.ts';
import type { Scripts } from '../expression/sandbox.ts';
import type { Scope } from '../expression/template.ts';
import type { Send } from '../network/send.ts';
import type { Secrets } from '../secrets.ts';
import { credentialsOf, oauth1Config } from './oauth1.ts';
import { type OAuth1Credentials, signOAuth1 } from './sign/oauth1.ts';
import type { Granted } from './type.ts';
import { webAddress } from './webaddress.ts';

/** A three-legged sign-in (RFC 5849 §2) that waits for the user to come back. Single use. */
export type OAuth1Authorization = {
  readonly connector: string;
  readonly option: string;
  /** Comes back as a parameter of the callback, as OAuth 1.0 has no state of its own. */
  readonly state: string;
  readonly token: string;
  readonly tokenSecret: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
};

export type OAuth1Context = {
  readonly send: Send;
  readonly now: number;
  readonly scripts?: Scripts | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told what the provider gives. */
  readonly secrets?: Secrets | undefined;
};

const LIFE = 10 * 60_000;

/** Asks for temporary credentials (§2.1) and gives the address to open in the user's browser (§2.2). */
export async function beginOAuth1(
  connector: string,
  option: AuthOption,
  scope: Scope,
  { redirectUri, ...context }: OAuth1Context & { readonly redirectUri: string },
): Promise<{ url: URL; authorization: OAuth1Authorization }> {
  const config = oauth1Config(option, scope, context.scripts);
  const state = randomBytes(24).toString('base64url');
  const callback = new URL(redirectUri);
  callback.searchParams.set('state', state);
  const asked = { ...credentialsOf(config), callback: callback.href };
  const { token, tokenSecret, answer } = await ask(connector, config.requestTokenUri, asked, context);
  // §2.1: without it anybody could finish the sign-in of another (the fault of OAuth 1.0, corrected in 1.0a).
  if (answer.get('oauth_callback_confirmed') !== 'true') throw failed('the provider speaks OAuth 1.0 before 1.0a');
  const url = webAddress(config.authorizeUri);
  if (!url)
    throw new TielineError('definition_invalid', `auth option ${option.key} gives no https address to authorize at`);
  for (const [name, value] of Object.entries(config.extra ?? {})) url.searchParams.set(name, String(value));
  url.searchParams.set('oauth_token', token);
  const expiresAt = context.now + LIFE;
  return { url, authorization: { connector, option: option.key, state, token, tokenSecret, expiresAt } };
}

/** Exchanges what the user came back with for token credentials (§2.3). Throws `authorization_failed`. */
export async function finishOAuth1(
  authorization: OAuth1Authorization,
  option: AuthOption,
  scope: Scope,
  callback: URL,
  context: OAuth1Context,
): Promise<Granted> {
  if (context.now > authorization.expiresAt) throw failed('the sign-in took longer than ten minutes');
  const received = callback.searchParams;
  const verifier = received.get('oauth_verifier');
  if (received.get('state') !== authorization.state || received.get('oauth_token') !== authorization.token) {
    throw failed('the callback does not belong to this sign-in');
  }
  if (!verifier) throw failed('the user or the provider said no');
  const config = oauth1Config(option, scope, context.scripts);
  const { connector, token: temporary, tokenSecret: temporarySecret } = authorization;
  const asked = { ...credentialsOf(config), token: temporary, tokenSecret: temporarySecret, verifier };
  const { token, tokenSecret } = await ask(connector, config.tokenUri, asked, context);
  return { values: { token, tokenSecret } };
}

async function ask(
  connector: string,
  uri: string | undefined,
  credentials: OAuth1Credentials,
  { send, now, signal, secrets }: OAuth1Context,
): Promise<{ token: string; tokenSecret: string; answer: URLSearchParams }> {
  if (uri === undefined || !URL.canParse(uri)) {
    throw new TielineError('definition_invalid', `${connector} gives no address to get OAuth tokens at`);
  }
  const request = { method: 'POST', url: new URL(uri), headers: { accept: '*/*' } };
  const signed = signOAuth1(request, credentials, { nowSeconds: now / 1_000, nonce: randomBytes(16).toString('hex') });
  const { status, bytes } = await send(signed, { signal, followRedirects: false, maxBytes: 64 * 1024 });
  const answer = new URLSearchParams(Buffer.from(bytes).toString('utf8'));
  const [token, tokenSecret] = [answer.get('oauth_token'), answer.get('oauth_token_secret')];
  if (status >= 300 || !token || tokenSecret === null) throw failed(`the provider answered with status ${status}`);
  secrets?.keep([token, tokenSecret]);
  return { token, tokenSecret, answer };
}

const failed = (why: string): TielineError =>
  new TielineError('authorization_failed', `the account was not connected: ${why}`, { hint: 'Start again.' });
