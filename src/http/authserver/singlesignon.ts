import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import type { PendingSignIn } from '../../auth/openid.ts';
import { TielineError } from '../../errors.ts';
import { ensureUser, findUser, type User } from '../../integration/user.ts';
import type { Backend, Env, SignIn } from '../context.ts';
import { cookieNamed } from '../session.ts';

/** Where the operator's provider sends browsers back to. No connector has such a name. */
export const SIGN_IN_CALLBACK = '/callback/sign-in';

/** A sign-in that waits for its person, sealed into a cookie of their browser: whoever begins one leaves nothing here. */
type Waiting = {
  readonly pending: PendingSignIn;
  readonly next?: string | undefined;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
};

const LIFE = 10 * 60_000;
const CONTEXT = 'sign-in elsewhere';

const cookieOf = ({ url }: Backend) => cookieNamed(url, 'tieline_sign_in');
const COOKIE = { path: '/', httpOnly: true, sameSite: 'Lax' } as const;

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
  const waiting: Waiting = { pending, next, expiresAt: engine.now() + LIFE };
  setCookie(context, name, engine.keystore.seal(CONTEXT, waiting), { ...COOKIE, secure, maxAge: LIFE / 1_000 });
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
  const waiting = readWaiting(backend, context);
  // Looked at before it is used up, so that nobody else can end a sign-in.
  if (waiting?.pending.state !== callback.searchParams.get('state') || waiting.expiresAt <= now()) {
    throw new TielineError('authorization_failed', 'nobody waits for this sign-in here, or it is over', {
      hint: 'Begin again in the program that sent you here.',
    });
  }
  const { name, secure } = cookieOf(backend);
  deleteCookie(context, name, { ...COOKIE, secure });
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

function readWaiting(backend: Backend, context: Context<Env>): Waiting | undefined {
  try {
    return backend.engine.keystore.unseal<Waiting>(CONTEXT, getCookie(context, cookieOf(backend).name) ?? '');
  } catch {
    return undefined;
  }
}
