import type { Context } from 'hono';
import { isTielineError, TielineError } from '../../errors.ts';
import { hold, type Progress } from '../../execute/authorization.ts';
import { optionNamed } from '../../execute/connect.ts';
import { finishSignIn } from '../../execute/signin.ts';
import type { Backend, Env } from '../context.ts';
import { checkBrowser } from './browser.ts';
import { failLink, finishLink, type Link, openLink, returnUrl } from './link.ts';
import { readWaiting, takeWaiting, type Waiting } from './waiting.ts';

/**
 * A browser comes back from a provider. Before anything is asked there: the state is known, unused and not over, the
 * path is that of its connector (one provider's answer is not another's), and the browser is the one that was sent.
 */
export async function arrive(backend: Backend, context: Context<Env>, connector: string): Promise<Response> {
  const { engine, url } = backend;
  const { keystore, now } = engine;
  const callback = new URL(context.req.url);
  const state = callback.searchParams.get('state') ?? '';
  const waiting = await readWaiting(keystore, state, now());
  if (!waiting || waiting.connector !== connector) throw unexpected();
  const link = await openLink(backend, waiting.authorization);
  const browser = await checkBrowser(backend, link, context);
  if (browser?.mark !== waiting.browser) {
    throw new TielineError('forbidden', 'this sign-in was begun in another browser', {
      hint: 'Open the link yourself, and sign in from there.',
    });
  }
  if (!(await takeWaiting(keystore, state))) throw unexpected();
  await hold(keystore, link.authorization, browser.mark, now());
  const progress = await finish(backend, link, waiting, callback);
  const next = returnUrl(link.authorization, progress);
  return context.redirect(next?.href ?? `${url}/connect/${link.authorization.id}`, 303);
}

async function finish(backend: Backend, link: Link, waiting: Waiting, callback: URL): Promise<Progress> {
  const { engine } = backend;
  const { connector, who } = link;
  const { pending, browser } = waiting;
  try {
    const option = optionNamed(connector, waiting.option);
    const tokens = await finishSignIn(engine, who, connector, option, pending, callback);
    return await finishLink(backend, link, browser, { option, input: pending.input, tokens });
  } catch (error) {
    if (!isTielineError(error)) throw error;
    return failLink(backend, link, browser, error.code);
  }
}

const unexpected = (): TielineError =>
  new TielineError('authorization_failed', 'nobody waits for this sign-in, or it is over', {
    hint: 'Open the link again, and sign in from there.',
  });
