import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import type { PendingSignIn } from '../../auth/openid.ts';
import { TielineError } from '../../errors.ts';
import { hashSecret, isSecret, newSecret } from '../../integration/issuedsecret.ts';
import { ensureUser, findUser, type User } from '../../integration/user.ts';
import { storeKey } from '../../keystore/store.ts';
import type { Backend, Env, SignIn } from '../context.ts';

/** Where the operator's provider sends browsers back to. No connector has such a name. */
export const SIGN_IN_CALLBACK = '/callback/sign-in';

type Waiting = {
  readonly pending: PendingSignIn;
  /** Hash of what the browser keeps in a cookie. */
  readonly browser: string;
  readonly next?: string | undefined;
};

const LIFE = 10 * 60_000;
const key = (state: string) =>
  storeKey('oauth', 'sign_in', createHash('sha256').update(state, 'utf8').digest('base64url'));

function cookieOf({ url }: Backend): { readonly name: string; readonly secure: boolean } {
  const secure = url.startsWith('https:');
  return { name: `${secure ? '__Host-' : ''}tieline_sign_in`, secure };
}

/** Sends the browser to the operator's provider. */
export async function leaveForProvider(
  backend: Backend,
  signIn: SignIn,
  context: Context<Env>,
  next: string | undefined,
): Promise<Response> {
  const { url: address, engine } = backend;
  const { url, pending } = await signIn.begin(`${address}${SIGN_IN_CALLBACK}`);
  const { name, secure } = cookieOf(backend);
  const secret = newSecret();
  const waiting: Waiting = { pending, browser: hashSecret(pending.state, secret), next };
  await engine.keystore.write(key(pending.state), waiting, LIFE);
  setCookie(context, name, secret, { path: '/', httpOnly: true, secure, sameSite: 'Lax', maxAge: LIFE / 1_000 });
  return context.redirect(url.href, 303);
}

/** The user who is back from the provider. Throws `authorization_failed`, `user_unknown`, `user_disabled`. */
export async function arriveFromProvider(
  backend: Backend,
  signIn: SignIn,
  context: Context<Env>,
): Promise<{ readonly user: User; readonly next: string | undefined }> {
  const { keystore, now } = backend.engine;
  const callback = new URL(context.req.url);
  const state = callback.searchParams.get('state') ?? '';
  const waiting = (await keystore.read<Waiting>(key(state)))?.value;
  const secret = getCookie(context, cookieOf(backend).name) ?? '';
  // Looked at before it is used up, so that nobody else can end a sign-in.
  if (!waiting || !isSecret(state, secret, waiting.browser) || !(await keystore.delete(key(state)))) {
    throw new TielineError('authorization_failed', 'nobody waits for this sign-in here, or it is over', {
      hint: 'Begin again in the program that sent you here.',
    });
  }
  const claims = await signIn.finish(waiting.pending, callback);
  const identifier = claims[signIn.identifierClaim];
  // Whoever may write any address into their profile would otherwise become its owner.
  const isTheirs = signIn.identifierClaim !== 'email' || claims.email_verified === true;
  if (typeof identifier !== 'string' || identifier === '' || !isTheirs) {
    throw new TielineError(
      'authorization_failed',
      `the provider does not say who you are, by ${signIn.identifierClaim}`,
    );
  }
  const user = signIn.createUsers
    ? await ensureUser(keystore, signIn.organization, identifier, now())
    : await findUser(keystore, signIn.organization, identifier);
  if (user && user.disabledAt === undefined) return { user, next: waiting.next };
  throw new TielineError('not_permitted', 'you have no account here', {
    hint: 'Ask those who run this server for one.',
  });
}
