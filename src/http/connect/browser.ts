import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { TielineError } from '../../errors.ts';
import { type Authorization, claim } from '../../execute/authorization.ts';
import { hashSecret, isSecret, newSecret } from '../../integration/issuedsecret.ts';
import type { Backend, Env } from '../context.ts';
import { SIGN_OUT, sessionUser } from '../session.ts';

/** A browser that has opened a link: how it is kept, and what its forms carry. */
export type Browser = { readonly mark: string; readonly token: string };

/** One cookie for each link, so that several can be open side by side. `__Host-` needs https (RFC 6265bis §4.1.3.2). */
function cookieOf({ url }: Backend, { id }: Authorization): { readonly name: string; readonly secure: boolean } {
  const secure = url.startsWith('https:');
  const suffix = createHash('sha256').update(`cookie ${id}`, 'utf8').digest('hex').slice(0, 16);
  return { name: `${secure ? '__Host-' : ''}tieline_connect_${suffix}`, secure };
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
  authorization: Authorization,
  context: Context<Env>,
): Promise<Browser | undefined> {
  const { requires, organization, user } = authorization;
  const signedIn = requires === 'session' ? await sessionUser(backend, context) : undefined;
  if (requires === 'session' && (signedIn?.organization !== organization || signedIn.id !== user)) {
    throw new TielineError('forbidden', 'this link is only for the user who asked for it', {
      hint: signedIn
        ? `You are signed in as somebody else. Sign out at ${backend.url}${SIGN_OUT}, then open the link again.`
        : 'Sign in to Tieline in this browser first.',
    });
  }
  const secret = getCookie(context, cookieOf(backend, authorization).name);
  if (secret === undefined || secret === '') return undefined;
  const browser = browserOf(authorization, secret);
  if (requires === 'browser') await claim(backend.engine.keystore, authorization, browser.mark);
  return browser;
}

/** Gives a browser its cookie for a link. Throws `forbidden` where the link belongs to another browser. */
export async function markBrowser(
  backend: Backend,
  authorization: Authorization,
  context: Context<Env>,
): Promise<Browser> {
  const { name, secure } = cookieOf(backend, authorization);
  const secret = newSecret();
  const browser = browserOf(authorization, secret);
  if (authorization.requires === 'browser') await claim(backend.engine.keystore, authorization, browser.mark);
  // Longer than the link, as a sign-in that was begun in its last minute may still be finished.
  const maxAge = Math.ceil((authorization.expiresAt - backend.engine.now()) / 1_000) + 600;
  setCookie(context, name, secret, { path: '/', httpOnly: true, secure, sameSite: 'Lax', maxAge });
  return browser;
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
