import { OpenAPIHono } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { requestId } from 'hono/request-id';
import { secureHeaders } from 'hono/secure-headers';
import { isTielineError, TielineError } from '../errors.ts';
import { log } from '../log.ts';
import { version } from '../version.ts';
import { appRoutes } from './apps.ts';
import { keepOpener, POPUP_PATHS } from './authserver/opener.ts';
import { authorizationServerRoutes } from './authserver/routes.ts';
import { CALL, MANAGEMENT, readsBody } from './body.ts';
import { identifyCaller } from './caller.ts';
import { confirmRoutes } from './connect/confirm.ts';
import { initiateRoutes } from './connect/initiate.ts';
import { connectRoutes } from './connect/routes.ts';
import { statusRoutes } from './connect/status.ts';
import { connectorRoutes } from './connectors.ts';
import type { Backend, Env } from './context.ts';
import { executionRoutes } from './execution.ts';
import { type Gates, incomingOf, openGates } from './gates.ts';
import { grantRoutes } from './grants.ts';
import { knownHosts } from './hosts.ts';
import { idempotent } from './idempotency.ts';
import { integrationRoutes } from './integrations.ts';
import { mcpRoutes } from './mcp.ts';
import { organizationRoutes } from './organization.ts';
import { answerProblem } from './problem.ts';
import { limitRequests, openRequestLimit } from './ratelimit.ts';
import { referencePage } from './reference.ts';
import { router } from './router.ts';
import { tokenRoutes } from './tokens.ts';
import { userRoutes } from './users.ts';

const API = '/api/v1';

/** Everything that is served over HTTP. */
export function httpApp(backend: Backend, gates: Gates = openGates(backend)): OpenAPIHono<Env> {
  const { limits, url, signingKeys } = backend;
  const app = new OpenAPIHono<Env>();
  const { failures } = gates;
  app.onError((error, context) => answerProblem(context, error));
  app.notFound((context) => answerProblem(context, noRoute()));
  for (const path of POPUP_PATHS) app.use(path, keepOpener);
  app.use(requestId({ limitLength: 64 }), logged(gates), secureHeaders(), knownHosts(url));

  app.get('/healthz', (context) => context.json({ status: 'ok', version }));
  app.get('/readyz', async (context) => {
    if (backend.isEnding?.()) return context.json({ status: 'draining' }, 503);
    try {
      await backend.engine.keystore.ping();
      return context.json({ status: 'ok' });
    } catch (error) {
      if (!isTielineError(error)) throw error;
      return context.json({ status: 'not ready', code: error.code }, 503);
    }
  });
  app.get('/.well-known/jwks.json', async (context) => {
    context.header('cache-control', 'public, max-age=60');
    return context.json(await signingKeys.jwks());
  });

  app.route('/', mcpRoutes(backend, gates));
  app.route('/', authorizationServerRoutes(backend, gates));
  app.route('/', connectRoutes(backend, failures));

  const api = router();
  api.use(identifyCaller(backend, gates), limitRequests(openRequestLimit(limits.requests)));
  const management = { ...MANAGEMENT, bytes: Math.min(MANAGEMENT.bytes, limits.body) };
  // Calls may bring files along.
  api.use(readsBody((path) => (path.endsWith('/execute') ? { ...CALL, bytes: limits.body } : management)));
  // Calls keep what became of their keys by themselves.
  api.route('/', executionRoutes(backend));
  api.use(idempotent(backend));
  for (const routes of [
    organizationRoutes(backend),
    userRoutes(backend, failures),
    tokenRoutes(backend),
    grantRoutes(backend),
    connectorRoutes(backend),
    appRoutes(backend),
    integrationRoutes(backend),
    initiateRoutes(backend),
    confirmRoutes(backend),
    statusRoutes(backend),
  ]) {
    api.route('/', routes);
  }
  const document = () =>
    app.getOpenAPI31Document({
      openapi: '3.1.0',
      info: { title: 'Tieline', version, description: DESCRIPTION },
      servers: [{ url }],
      security: [{ bearer: [] }, { apiKey: [] }],
    });
  // Before the routes of the API, which are for known callers only.
  app.get(`${API}/openapi.json`, (context) => context.json(document()));
  app.get(`${API}/docs`, (context) => context.html(referencePage(document())));
  app.route(API, api);
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'A client API key (sk-client-…), or the token of a login.',
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', {
    type: 'apiKey',
    in: 'header',
    name: 'X-Api-Key',
    description: 'A client API key (sk-client-…).',
  });
  return app;
}

const DESCRIPTION =
  'Register users, link their accounts, and run actions on them. Failures are RFC 9457 problems. Lists are paged by cursor. `Idempotency-Key` makes a POST happen once. `X-Organization-Id` chooses among the organizations of a client API key.';

const logged =
  ({ remoteAddress }: Gates): MiddlewareHandler<Env> =>
  async (context, next) => {
    const start = performance.now();
    const from = remoteAddress(incomingOf(context));
    await next();
    const ms = Math.round(performance.now() - start);
    const { method, path } = context.req;
    log.debug('request', { id: context.get('requestId'), from, method, path, status: context.res.status, ms });
  };

const noRoute = (): TielineError =>
  new TielineError('not_found', 'there is nothing at this address', { hint: `Look at ${API}/docs.` });
