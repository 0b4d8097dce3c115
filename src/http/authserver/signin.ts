import { type Context, Hono } from 'hono';
import { isTielineError, TielineError } from '../../errors.ts';
import { listOrganizations } from '../../integration/organization.ts';
import { authenticateUser, findUser, type User } from '../../integration/user.ts';
import { checkLength } from '../../limits.ts';
import { showPage } from '../connect/layout.ts';
import type { Backend, Env } from '../context.ts';
import { digestOf, limitFailures, openRequestLimit } from '../ratelimit.ts';
import { SIGN_IN, SIGN_OUT, startSession } from '../session.ts';
import { checkFormToken, formToken } from './formtoken.ts';
import { openHoldUp } from './holdup.ts';
import { isKnownBrowser, keepKnownBrowser } from './knownbrowser.ts';
import { LONGEST_REQUEST } from './request.ts';
import { signedInPage, signInPage } from './signinpage.ts';
import { arriveFromProvider, leaveForProvider, SIGN_IN_CALLBACK } from './singlesignon.ts';

/** Sign-ins of one user that succeed in a minute: each is kept for twelve hours. */
const MOST_SESSIONS = 20;

/** The page on which users sign in, and where the operator's own provider sends them back to. */
export function signInRoutes(backend: Backend): Hono<Env> {
  const { keystore } = backend.engine;
  const failures = limitFailures(backend.limits.failures);
  const holdUp = openHoldUp(failures);
  const sessions = openRequestLimit(MOST_SESSIONS);
  const app = new Hono<Env>();

  app.get(SIGN_IN, async (context) => {
    if (backend.signIn) return leaveForProvider(backend, backend.signIn, context, nextOf(context));
    const organization = context.req.query('organization') ?? '';
    checkLength('organization', organization);
    return show(context, { organization, identifier: '' });
  });

  app.post(SIGN_IN, async (context) => {
    if (backend.signIn) throw new TielineError('not_permitted', 'users do not sign in with a secret here');
    const form = await context.req.parseBody();
    checkFormToken(backend, context, SIGN_IN, form.token);
    const { identifier = '', secret = '' } = form;
    const all = await knownOrganizations();
    const organization = all.only ?? String(form.organization ?? '').trim();
    if (typeof identifier !== 'string' || typeof secret !== 'string') throw notAForm();
    for (const [field, text] of Object.entries({ organization, identifier, secret })) checkLength(field, text);
    const guessed = digestOf(JSON.stringify([organization, identifier]));
    const isKnown = async () => isKnownBrowser(backend, context, await findUser(keystore, organization, identifier));
    try {
      if (failures.excess(guessed) > 0 && !(await isKnown())) await holdUp.wait(guessed, context.req.raw.signal);
    } catch (error) {
      if (!isTielineError(error)) throw error;
      context.header('retry-after', String(error.retryAfter));
      return show(context, { organization, identifier, problem: 'That was wrong too often. Wait a minute.' }, 429);
    }
    const user = await authenticateUser(keystore, organization, identifier, secret);
    if (!user) {
      failures.count(guessed);
      const problem = 'User and secret do not belong together. Try again.';
      return show(context, { organization, identifier, problem }, 401);
    }
    return goOn(context, user, nextOf(context));
  });

  app.get(SIGN_IN_CALLBACK, async (context) => {
    if (!backend.signIn) throw new TielineError('not_found', 'there is nothing at this address');
    const { user, next } = await arriveFromProvider(backend, backend.signIn, context);
    return goOn(context, user, next);
  });

  async function goOn(context: Context<Env>, user: User, next: string | undefined): Promise<Response> {
    sessions.spend(user.id, 'sign-ins');
    await startSession(backend, context, user);
    keepKnownBrowser(backend, context, user);
    if (next === undefined)
      return showPage(context, signedInPage({ user: user.identifier, signOutUrl: `${backend.url}${SIGN_OUT}` }));
    return context.redirect(`${backend.url}${next}`, 303);
  }

  async function show(
    context: Context<Env>,
    typed: { organization: string; identifier: string; problem?: string },
    status = 200,
  ): Promise<Response> {
    const asksOrganization = (await knownOrganizations()).only === undefined;
    const token = formToken(backend, context, SIGN_IN);
    return showPage(context, signInPage({ ...typed, asksOrganization, token }), status);
  }

  async function knownOrganizations(): Promise<{ readonly only: string | undefined }> {
    const { organizations } = await listOrganizations(keystore, { limit: 2 });
    return { only: organizations.length === 1 ? organizations[0]?.id : undefined };
  }

  return app;
}

/** A page of this server to go on to: an address elsewhere would make this page one that redirects anywhere. */
function nextOf(context: Context<Env>): string | undefined {
  const next = context.req.query('next');
  if (next === undefined || next.length > LONGEST_REQUEST) return undefined;
  return /^\/(?:(?:consent|connect)\/[\w-]+|authorize\?[!-~]*)$/.test(next) ? next : undefined;
}

const notAForm = (): TielineError => new TielineError('arguments_invalid', 'this is not what the form sends');
