import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { TielineError } from '../../errors.ts';
import type { Authorization } from '../../execute/authorization.ts';
import { hashSecret, isSecret, newSecret } from '../../integration/issuedsecret.ts';
import type { Backend, Env } from '../context.ts';
import { cookieNamed, SIGN_OUT, sessionUser } from '../session.ts';
import type { Link } from './link.ts';

/** A browser that has opened a link: how it is kept, and what its forms carry. */
export type Browser = { readonly mark: string; readonly token: string };

/** One cookie for each link, so that several can be open side by side. */
function cookieOf({ url }: Backend, { id }: Authorization): { readonly name: string; readonly secure: boolean } {
  const suffix = createHash('sha256').update(`cookie ${id}`, 'utf8').digest('hex').slice(0, 16);
  return cookieNamed(url, `tieline_connect_${suffix}`);
}

const browserOf = ({ id }: Authorization, secret: string): Browser => ({
  mark: hashSecret(`browser ${id}`, secret),
  token: hashSecret(`form ${id}`, secret),
});

/**
 * The browser that sends a request for a link; undefined when it has not opened the link before. Throws `forbidden`
 * where the link is not for whoever sits there.
 */
export async function checkBrowser(
  backend: Backend,
  link: Pick<Link, 'authorization' | 'asker'>,
  context: Context<Env>,
): Promise<Browser | undefined> {
  const { authorization } = link;
  await checkUser(backend, link, context);
  const secret = getCookie(context, cookieOf(backend, authorization).name);
  return secret === undefined || secret === '' ? undefined : browserOf(authorization, secret);
}

/**
 * Refuses whoever is signed in to Tieline as somebody else than the user whose account it will be: they were sent here
 * by that user, or by somebody who wants theirs. Some links are refused also where nobody is signed in.
 */
async function checkUser(
  backend: Backend,
  { authorization, asker }: Pick<Link, 'authorization' | 'asker'>,
  context: Context<Env>,
): Promise<void> {
  if (backend.local) return; // nobody signs in there, and cookies do not tell ports apart
  const { requires, organization, user } = authorization;
  const signedIn = await sessionUser(backend, context);
  if (!signedIn && requires !== 'session') return;
  if (signedIn?.organization === organization && signedIn.id === user) return;
  const whose = `this link is for ${asker.user} of ${asker.organization}`;
  throw signedIn
    ? new TielineError('forbidden', `${whose}, and you are signed in here as ${signedIn.identifier}`, {
        hint: `If you are both, sign out at ${backend.url}${SIGN_OUT} and open the link again. Do not go on if somebody has sent it to you.`,
      })
    : new TielineError('forbidden', 'this link is only for the user who asked for it', {
        hint: 'Sign in to Tieline in this browser first.',
      });
}

/** Gives a browser its cookie for a link. */
export function markBrowser(backend: Backend, authorization: Authorization, context: Context<Env>): Browser {
  const { name, secure } = cookieOf(backend, authorization);
  const secret = newSecret();
  // Longer than the link, as a sign-in that was begun in its last minute may still be finished.
  const maxAge = Math.ceil((authorization.expiresAt - backend.engine.now()) / 1_000) + 600;
  setCookie(context, name, secret, { path: '/', httpOnly: true, secure, sameSite: 'Lax', maxAge });
  return browserOf(authorization, secret);
}

/** Holds a form to the browser it was shown in. Throws `forbidden`. */
export function checkForm(browser: Browser | undefined, token: unknown, context: Context<Env>): Browser {
  const site = context.req.header('sec-fetch-site');
  const isOwn = site === undefined || site === 'same-origin' || site === 'none';
  const isRight = typeof token === 'string' && isSecret('form', token, browser && hashSecret('form', browser.token));
  if (browser && isOwn && isRight) return browser;
  throw new TielineError('forbidden', 'this form does not come from the page that was shown here', {
    hint: 'Allow cookies for this page, open the link again and send the form from there.',
  });
}
