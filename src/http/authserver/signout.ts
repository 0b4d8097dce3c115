import { Hono } from 'hono';
import { showPage } from '../connect/layout.ts';
import type { Backend, Env } from '../context.ts';
import { endSession, SIGN_IN, SIGN_OUT, sessionUser } from '../session.ts';
import { checkFormToken, formToken } from './formtoken.ts';
import { signedOutPage, signOutPage } from './signinpage.ts';

/** The page on which users sign out of this browser. What they have allowed clients stays. */
export function signOutRoutes(backend: Backend): Hono<Env> {
  const { url, signIn } = backend;
  const app = new Hono<Env>();

  app.get(SIGN_OUT, async (context) => {
    const user = await sessionUser(backend, context);
    const page = user
      ? signOutPage({ user: user.identifier, token: formToken(backend, context, SIGN_OUT) })
      : signedOutPage({ signInUrl: `${url}${SIGN_IN}`, isElsewhere: signIn !== undefined });
    return showPage(context, page);
  });

  app.post(SIGN_OUT, async (context) => {
    const { token } = await context.req.parseBody();
    checkFormToken(backend, context, SIGN_OUT, token);
    await endSession(backend, context);
    return context.redirect(`${url}${SIGN_OUT}`, 303);
  });

  return app;
}
