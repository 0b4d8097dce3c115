import { type Context, Hono } from 'hono';
import { cors } from 'hono/cors';
import { isTielineError, TielineError } from '../../errors.ts';
import { parseJson } from '../../json.ts';
import { log } from '../../log.ts';
import { FORM, readsBody } from '../body.ts';
import { showPage } from '../connect/layout.ts';
import { failurePage } from '../connect/pages.ts';
import type { Backend, Env } from '../context.ts';
import { type Gates, incomingOf } from '../gates.ts';
import { limitFailures, openRequestLimit, shownFrom } from '../ratelimit.ts';
import { SIGN_IN, SIGN_OUT, sessionUser, signInUrl } from '../session.ts';
import { answerBy } from './bridge.ts';
import { readClientMetadata } from './client.ts';
import { consentRoutes } from './consent.ts';
import { PATHS, serverMetadata } from './metadata.ts';
import { CONSENT, lazyProvider } from './provider.ts';
import { LONGEST_REGISTRATION, registerClient, sizeOfRegistration } from './registration.ts';
import { afterSignIn, LONGEST_REQUEST, readAuthorizationRequest } from './request.ts';
import { signInRoutes } from './signin.ts';
import { signOutRoutes } from './signout.ts';

/** How often a minute the same refused request is looked at. */
const MOST_REFUSALS = 60;
/** Authorization requests a minute of one user: each is kept until it is decided about. */
const MOST_REQUESTS = 120;
const MOST_BYTES = 32 * 1024;

/** The authorization server (RFC 6749, OAuth 2.1) with which MCP clients sign users in. Nothing where it is off. */
export function authorizationServerRoutes(backend: Backend, gates: Gates): Hono<Env> {
  const { url, engine } = backend;
  const app = new Hono<Env>();
  if (!backend.authorizationServer) return app;
  const provider = lazyProvider(backend);
  const refusals = limitFailures(MOST_REFUSALS);
  const requests = openRequestLimit(MOST_REQUESTS);
  app.onError((error, context) => showFailure(context, error));
  const whole = readsBody(() => FORM);

  const open = cors({ origin: '*', allowMethods: ['GET', 'POST'], maxAge: 3_600, exposeHeaders: ['WWW-Authenticate'] });
  const metadata = (context: Context<Env>) => {
    context.header('cache-control', 'public, max-age=300');
    return context.json(serverMetadata(backend));
  };
  for (const path of ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']) {
    app.use(path, open).get(path, metadata);
  }

  const forward = async (request: Request): Promise<Response> => answerBy((await provider()).callback(), request, url);

  // A program that looks at an address with HEAD is no person, and the library knows GET alone.
  for (const path of [PATHS.authorization, `${PATHS.authorization}/*`]) {
    app.use(path, async (context, next) =>
      context.req.method === 'HEAD' ? context.body(null, 405, { allow: 'GET' }) : next(),
    );
  }

  /**
   * Nothing is kept, fetched or sent to a client before a person has signed in: otherwise any registered client would
   * make this an address that leads anywhere (RFC 9700 §4.11.2).
   */
  app.get(PATHS.authorization, async (context) => {
    const asked = readAuthorizationRequest(engine, context.req.url);
    const next = afterSignIn(asked);
    if (next.length > LONGEST_REQUEST) throw tooLong();
    const user = await sessionUser(backend, context);
    if (!user) {
      const organization = asked.searchParams.get('organization') ?? undefined;
      return context.redirect(signInUrl(backend, next, organization), 303);
    }
    requests.spend(user.id);
    return asPage(context, await forward(new Request(asked, context.req.raw)));
  });
  app.get(`${PATHS.authorization}/:uid`, async (context) => asPage(context, await forward(context.req.raw)));

  for (const path of [PATHS.token, PATHS.revocation]) {
    app.use(path, open).post(path, (context) =>
      forPrograms(context, async () => {
        await whole(context, async () => {});
        const text = await context.req.text();
        if (text.length > MOST_BYTES) return refused(context, 'invalid_request', 'it is too long');
        const { method, headers } = context.req.raw;
        const shown = () =>
          shownFrom(gates.remoteAddress(incomingOf(context)), `${headers.get('authorization')}\n${text}`);
        refusals.check(shown);
        const response = await forward(new Request(context.req.url, { method, headers, body: text }));
        // A store that is away is no fault of what was shown.
        if (response.status === 400 || response.status === 401) refusals.count(shown());
        return response;
      }),
    );
  }
  app.use(PATHS.registration, open).post(PATHS.registration, (context) =>
    forPrograms(context, async () => {
      await whole(context, async () => {});
      const text = await context.req.text();
      const read = text.length > MOST_BYTES ? { problem: 'it is too long' } : readClientMetadata(parsed(text));
      if ('problem' in read) {
        const error = read.problem.startsWith('redirect_uris') ? 'invalid_redirect_uri' : 'invalid_client_metadata';
        return refused(context, error, read.problem);
      }
      if (sizeOfRegistration(read.client) > LONGEST_REGISTRATION) {
        const problem = `name and redirect_uris have more than ${LONGEST_REGISTRATION} bytes together`;
        return refused(context, 'invalid_client_metadata', problem);
      }
      const { client_id: id } = registerClient(engine.keystore, read.client);
      const { Client } = await provider();
      let refusal: ReturnType<typeof refusalOf> | undefined;
      const client = await Client.find(id).catch((error: unknown) => {
        refusal = refusalOf(error);
        return undefined;
      });
      if (refusal) return refused(context, refusal.error, refusal.problem);
      if (!client) throw new Error('a client that was registered is not known');
      const issued = { client_id_issued_at: Math.floor(engine.now() / 1_000) };
      const secret = client.clientSecret === undefined ? {} : { client_secret_expires_at: 0 };
      return context.json({ ...client.metadata(), ...issued, ...secret }, 201, { 'cache-control': 'no-store' });
    }),
  );

  for (const path of [SIGN_IN, SIGN_OUT, `${CONSENT}/*`]) app.use(path, whole);
  app.route('/', signInRoutes(backend));
  app.route('/', signOutRoutes(backend));
  app.route('/', consentRoutes(backend, provider));
  return app;
}

/** Why the library does not take the metadata of a client. */
function refusalOf(error: unknown): { readonly error: string; readonly problem: string } {
  const { error: code, error_description: problem } = error as { error?: unknown; error_description?: unknown };
  if (typeof code !== 'string' || typeof problem !== 'string') throw error;
  return { error: code, problem };
}

const refused = (context: Context<Env>, error: string, problem: string): Response =>
  context.json({ error, error_description: problem }, 400, { 'cache-control': 'no-store' });

const tooLong = (): TielineError =>
  new TielineError('arguments_invalid', `an authorization request has at most ${LONGEST_REQUEST} characters`);

function parsed(text: string): unknown {
  try {
    return parseJson(text);
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
    if (known && (known.status === 400 || known.status === 413))
      return refused(context, 'invalid_request', known.message);
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
