import { type Context, Hono } from 'hono';
import { isTielineError, TielineError } from '../../errors.ts';
import { checkClaim, checkNotElsewhere, claim, type Progress, readProgress } from '../../execute/authorization.ts';
import { log } from '../../log.ts';
import { FORM, readsBody } from '../body.ts';
import type { Backend, Env } from '../context.ts';
import type { FailureLimit } from '../ratelimit.ts';
import { sessionUser, signInUrl } from '../session.ts';
import { arrive } from './arrival.ts';
import { checkBrowser, checkForm, markBrowser } from './browser.ts';
import { decide, showConsent } from './consent.ts';
import { askOnce } from './devicewait.ts';
import { showPage } from './layout.ts';
import { checkTime, type Link, openLink, returnUrl } from './link.ts';
import { devicePage, donePage, failurePage } from './pages.ts';
import { sayingOf } from './wording.ts';

/** The pages on which a person links an account, and where providers send them back to. For browsers. */
export function connectRoutes(backend: Backend, failures: FailureLimit): Hono<Env> {
  const { engine } = backend;
  const app = new Hono<Env>();
  app.onError((error, context) => showFailure(context, error));
  const whole = readsBody(() => FORM);

  app.get('/connect/:id', async (context) => {
    const link = await openLink(backend, context.req.param('id'));
    const { authorization, connector } = link;
    const { requires, organization } = authorization;
    if (requires === 'session' && backend.authorizationServer && !(await sessionUser(backend, context))) {
      return context.redirect(signInUrl(backend, `/connect/${authorization.id}`, organization), 303);
    }
    const browser = await checkBrowser(backend, link, context);
    const progress = await readProgress(engine.keystore, authorization);
    const isMine = progress !== undefined && progress.browser === browser?.mark;
    if (progress && progress.kind !== 'begun') {
      if (isMine) return showEnd(context, link, progress);
      throw new TielineError('conflict', 'this link has been used', { hint: 'Ask for a new one where you got it.' });
    }
    if (progress) checkNotElsewhere(progress, browser?.mark, engine.now());
    if (isMine && progress.device) {
      const next = await askOnce(backend, link, progress);
      if (next.kind !== 'begun') return showEnd(context, link, next);
      return showPage(context, devicePage(connector, next.device ?? progress.device));
    }
    checkTime(backend, link);
    if (requires === 'browser') await checkClaim(engine.keystore, authorization, browser?.mark);
    const shown = browser ?? markBrowser(backend, authorization, context);
    return showConsent(backend, link, shown, context, { key: context.req.query('option') });
  });

  app.post('/connect/:id', async (context) => {
    const link = await openLink(backend, context.req.param('id'));
    await whole(context, async () => {});
    const form = await context.req.parseBody();
    const browser = checkForm(await checkBrowser(backend, link, context), form.token, context);
    checkTime(backend, link);
    if (link.authorization.requires === 'browser') await claim(engine.keystore, link.authorization, browser.mark);
    return decide(backend, failures, link, browser, form, context);
  });

  app.get('/callback/:connector', (context) => arrive(backend, context, context.req.param('connector')));

  return app;
}

function showEnd(context: Context<Env>, { authorization, connector: { title } }: Link, progress: Ended) {
  const next = returnUrl(authorization, progress);
  if (progress.kind === 'given') return context.redirect(next?.href ?? '/', 303);
  if (progress.kind === 'done') return showPage(context, donePage({ title, account: progress.account, next }));
  const heading = progress.code === 'canceled' ? `${title} was not connected` : `${title} could not be connected`;
  const hint = 'Ask for a new link to try again.';
  return showPage(context, failurePage({ heading, text: sayingOf(progress.code, title), hint, next }));
}

type Ended = Exclude<Progress, { kind: 'begun' }>;

/** These are messages of our own: what a provider may have had a say in is told by its code. */
function showFailure(context: Context<Env>, error: Error): Response | Promise<Response> {
  if (isTielineError(error) && error.status < 500) {
    const heading = `This ${context.req.path.startsWith('/callback/') ? 'sign-in cannot be finished' : 'link cannot be used'}`;
    return showPage(context, failurePage({ heading, text: sentence(error.message), hint: error.hint }), error.status);
  }
  const id = context.get('requestId');
  log.error('a page failed', { request: id, cause: error });
  const text = `Tieline failed. Its log tells why, under ${id}.`;
  return showPage(
    context,
    failurePage({ heading: 'This did not work', text }),
    isTielineError(error) ? error.status : 500,
  );
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
