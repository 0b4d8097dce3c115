import type { Context } from 'hono';
import type { AuthOption } from '../../connector/connector.ts';
import type { Values } from '../../connector/values.ts';
import { type ErrorCode, isTielineError, TielineError } from '../../errors.ts';
import { type Authorization, hold, settle } from '../../execute/authorization.ts';
import { beginSignIn, signInKind } from '../../execute/signin.ts';
import type { Backend, Env } from '../context.ts';
import type { FailureLimit } from '../ratelimit.ts';
import { SIGN_OUT } from '../session.ts';
import type { Browser } from './browser.ts';
import { callbackUrl, choicesOf } from './choices.ts';
import { readForm, type Typed } from './form.ts';
import { showPage } from './layout.ts';
import { failLink, finishLink, type Link } from './link.ts';
import { consentPage } from './pages.ts';
import { keepWaiting } from './waiting.ts';
import { sayingOf } from './wording.ts';

/** Codes that say that the provider did not take what was typed; everything else is no guess. */
const REFUSED: ReadonlySet<string> = new Set<ErrorCode>([
  'token_rejected',
  'reauthorization_required',
  'forbidden',
  'missing_scope',
  'authorization_failed',
  'identity_mismatch',
]);

const UNTOUCHED: Typed = { input: {}, problems: {} };

/** The page on which a person agrees, chooses a way and types what it needs. Nothing has been started then. */
export async function showConsent(
  backend: Backend,
  link: Link,
  browser: Browser,
  context: Context<Env>,
  { key, typed = UNTOUCHED, problem }: { key?: string | undefined; typed?: Typed; problem?: string },
): Promise<Response> {
  const { authorization, connector, asker } = link;
  const choices = await choicesOf(backend, connector, authorization);
  const option = choices.find((it) => it.key === key) ?? choices[0];
  const page = consentPage({
    ...asker,
    connector,
    choices,
    option,
    given: authorization.input,
    typed,
    token: browser.token,
    problem,
    signOutUrl: authorization.requires === 'session' ? `${backend.url}${SIGN_OUT}` : undefined,
    formTargets: formTargets(backend, authorization, option),
  });
  return showPage(context, page, typed === UNTOUCHED ? 200 : 422);
}

/**
 * Browsers hold to `form-action` also the redirects that follow a form. A provider may pass the person on among hosts
 * of its own, and one who has agreed before comes back and goes on to the program without seeing a page.
 */
function formTargets({ url }: Backend, { redirectUrl, confirm }: Authorization, option: AuthOption): readonly string[] {
  const program = redirectUrl === undefined ? [] : [new URL(redirectUrl).origin];
  if (signInKind(option) !== 'browser') return confirm ? program : [];
  const local = url.startsWith('http:') ? ['http://127.0.0.1:*', 'http://localhost:*'] : [];
  return ['https:', ...local, ...program];
}

/** What the person decided, sent from the page above by the browser it was shown in. Gives where to go next. */
export async function decide(
  backend: Backend,
  failures: FailureLimit,
  link: Link,
  browser: Browser,
  form: Values,
  context: Context<Env>,
): Promise<Response> {
  const { engine, url } = backend;
  const { keystore, now } = engine;
  const { authorization, connector, who } = link;
  const page = `${url}/connect/${authorization.id}`;
  if (form.decision !== 'continue') {
    await hold(keystore, authorization, browser.mark, now());
    await failLink(backend, link, browser.mark, 'canceled');
    return context.redirect(page, 303);
  }
  const choices = await choicesOf(backend, connector, authorization);
  const option = choices.find((it) => it.key === form.option);
  if (!option) throw new TielineError('arguments_invalid', 'there is no such way to connect');
  const typed = readForm(option, form, authorization.input);
  const again = (problem?: string) =>
    showConsent(backend, link, browser, context, { key: option.key, typed, ...(problem && { problem }) });
  if (Object.keys(typed.problems).length > 0) return again();
  const tries = `connect ${authorization.id}`;
  failures.check(() => tries);
  const held = await hold(keystore, authorization, browser.mark, now());
  const begun = { ...held, busyUntil: 0, device: undefined };
  try {
    if (signInKind(option) === undefined) {
      await finishLink(backend, link, browser.mark, { option, input: typed.input });
      return context.redirect(page, 303);
    }
    const redirectUri = callbackUrl(url, connector);
    const signIn = await beginSignIn(engine, who, connector, option, typed.input, { redirectUri });
    const { pending } = signIn;
    if (pending.kind === 'device') {
      const { interval } = pending.started;
      const device = { option: option.key, pending, interval, askAt: now() + interval * 1_000 };
      await settle(keystore, authorization, { ...begun, device });
      return context.redirect(page, 303);
    }
    const { id } = authorization;
    await keepWaiting(keystore, {
      authorization: id,
      connector: connector.name,
      option: option.key,
      browser: browser.mark,
      pending,
    });
    await settle(keystore, authorization, begun);
    return context.redirect(signIn.url.href, 303);
  } catch (error) {
    if (!isTielineError(error)) throw error;
    if (REFUSED.has(error.code)) failures.count(tries);
    await settle(keystore, authorization, begun);
    return again(sayingOf(error.code, connector.title));
  }
}
