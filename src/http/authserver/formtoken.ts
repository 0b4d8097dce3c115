import type { Context } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { TielineError } from '../../errors.ts';
import { hashSecret, isSecret, newSecret } from '../../integration/issuedsecret.ts';
import type { Backend, Env } from '../context.ts';
import { cookieNamed } from '../session.ts';

const cookieOf = ({ url }: Backend) => cookieNamed(url, 'tieline_form');

/** What a form carries so that it is known to come from the page that this browser was shown at this place. */
export function formToken(backend: Backend, context: Context<Env>, place: string): string {
  const { name, secure } = cookieOf(backend);
  const known = getCookie(context, name);
  const secret = known || newSecret();
  if (!known) setCookie(context, name, secret, { path: '/', httpOnly: true, secure, sameSite: 'Lax' });
  return hashSecret(`form ${place}`, secret);
}

/** Throws `forbidden` for a form that was not shown to this browser at this place (CSRF). */
export function checkFormToken(backend: Backend, context: Context<Env>, place: string, token: unknown): void {
  const secret = getCookie(context, cookieOf(backend).name);
  const site = context.req.header('sec-fetch-site');
  const isOwn = site === undefined || site === 'same-origin' || site === 'none';
  const right = secret ? hashSecret('form', hashSecret(`form ${place}`, secret)) : undefined;
  if (isOwn && typeof token === 'string' && isSecret('form', token, right)) return;
  throw new TielineError('forbidden', 'this form does not come from the page that was shown here', {
    hint: 'Allow cookies for this page, go back and send the form from there.',
  });
}
