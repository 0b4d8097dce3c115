import { type Context, Hono } from 'hono';
import { cors } from 'hono/cors';
import { isTielineError } from '../../errors.ts';
import { log } from '../../log.ts';
import { showPage } from '../connect/layout.ts';
import { failurePage } from '../connect/pages.ts';
import type { Backend, Env } from '../context.ts';
import { type FailureLimit, limitFailures } from '../ratelimit.ts';
import { answerBy } from './bridge.ts';
import { readClientMetadata } from './client.ts';
import { consentRoutes } from './consent.ts';
import { PATHS, serverMetadata } from './metadata.ts';
import { lazyProvider } from './provider.ts';
import { readAuthorizationRequest } from './request.ts';
import { signInRoutes } from './signin.ts';
import { signOutRoutes } from './signout.ts';

/** Refused requests a minute for each address, and registrations. A client in the cloud has one for all its users. */
const MOST_REFUSALS = 120;
const MOST_REGISTRATIONS = 20;
const MOST_BYTES = 32 * 1024;

/** The authorization server (RFC 6749, OAuth 2.1) with which MCP clients sign users in. Nothing where it is off. */
export function authorizationServerRoutes(backend: Backend, failures: FailureLimit): Hono<Env> {
  const { url } = backend;
  const app = new Hono<Env>();
  if (!backend.authorizationServer) return app;
  const provider = lazyProvider(backend);
  const refusals = limitFailures(MOST_REFUSALS);
  const registrations = limitFailures(MOST_REGISTRATIONS);
  app.onError((error, context) => showFailure(context, error));

  const open = cors({ origin: '*', allowMethods: ['GET', 'POST'], maxAge: 3_600, exposeHeaders: ['WWW-Authenticate'] });
  const metadata = (context: Context<Env>) => {
    context.header('cache-control', 'public, max-age=300');
    return context.json(serverMetadata(backend));
  };
  for (const path of ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']) {
    app.use(path, open).get(path, metadata);
  }

  /** Given to oidc-provider, unless too much from that address has been refused: each may be a guess, or a fetch. */
  async function forward(context: Context<Env>, request: Request): Promise<Response> {
    const address = refusals.addressOf(context);
    await refusals.check(address);
    const response = await answerBy((await provider()).callback(), request, url);
    if (response.status >= 400) await refusals.count(address);
    return response;
  }

  app.get(PATHS.authorization, async (context) => {
    const request = new Request(readAuthorizationRequest(backend.engine, context.req.url), context.req.raw);
    return asPage(context, await forward(context, request));
  });
  app.get(`${PATHS.authorization}/:uid`, async (context) => asPage(context, await forward(context, context.req.raw)));

  app
    .use(PATHS.token, open)
    .post(PATHS.token, (context) => forPrograms(context, () => forward(context, context.req.raw)));
  app
    .use(PATHS.revocation, open)
    .post(PATHS.revocation, (context) => forPrograms(context, () => forward(context, context.req.raw)));
  app.use(PATHS.registration, open).post(PATHS.registration, (context) =>
    forPrograms(context, async () => {
      const address = registrations.addressOf(context);
      await registrations.check(address);
      const text = await context.req.text();
      const read = text.length > MOST_BYTES ? { problem: 'it is too long' } : readClientMetadata(parsed(text));
      if ('problem' in read) {
        const error = read.problem.startsWith('redirect_uris') ? 'invalid_redirect_uri' : 'invalid_client_metadata';
        return context.json({ error, error_description: read.problem }, 400, { 'cache-control': 'no-store' });
      }
      await registrations.count(address);
      const { raw } = context.req;
      const headers = { 'content-type': 'application/json' };
      return forward(context, new Request(raw.url, { method: 'POST', headers, body: JSON.stringify(read.client) }));
    }),
  );

  app.route('/', signInRoutes(backend, failures));
  app.route('/', signOutRoutes(backend));
  app.route('/', consentRoutes(backend, provider));
  return app;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a browser is shown instead of the JSON of a failure. Redirects pass as they are. */
async function asPage(context: Context<Env>, response: Response): Promise<Response> {
  if (response.status < 400) return context.newResponse(response.body, response);
  const { error, error_description: text } = (await response.json()) as { error: string; error_description?: string };
  const page = failurePage({
    heading: 'This sign-in cannot go on',
    text: `The program that sent you here asked for something that is not right: ${text ?? error} (${error}).`,
    hint: 'Go back to it and begin again.',
  });
  return showPage(context, page, response.status);
}

/** RFC 6749 §5.2: failures of these endpoints are JSON with `error`. */
async function forPrograms(context: Context<Env>, answer: () => Promise<Response>): Promise<Response> {
  try {
    const response = await answer();
    return context.newResponse(response.body, response);
  } catch (error) {
    const known = isTielineError(error) ? error : undefined;
    if (!known || known.status >= 500)
      log.error('a request failed', { request: context.get('requestId'), cause: error });
    if (known?.retryAfter !== undefined) context.header('retry-after', String(known.retryAfter));
    context.header('cache-control', 'no-store');
    if (known?.status === 429) return context.json({ error: 'slow_down', error_description: known.message }, 429);
    return context.json({ error: 'server_error', error_description: 'Tieline failed' }, 500);
  }
}

function showFailure(context: Context<Env>, error: Error): Promise<Response> {
  const heading = 'This sign-in cannot go on';
  const hint = 'Go back to the program that sent you here and begin again.';
  // The library's own, when the cookie or the request it belongs to is gone.
  if (error.name === 'SessionNotFound') {
    return showPage(
      context,
      failurePage({ heading, text: 'It has ended, or was begun in another browser.', hint }),
      400,
    );
  }
  if (isTielineError(error) && error.status < 500) {
    return showPage(
      context,
      failurePage({ heading, text: `${error.message}.`, hint: error.hint ?? hint }),
      error.status,
    );
  }
  const id = context.get('requestId');
  log.error('a page failed', { request: id, cause: error });
  const text = `Tieline failed. Its log tells why, under ${id}.`;
  return showPage(context, failurePage({ heading, text }), isTielineError(error) ? error.status : 500);
}
