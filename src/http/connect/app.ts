import { Hono } from 'hono';
import { requestId } from 'hono/request-id';
import { secureHeaders } from 'hono/secure-headers';
import { TielineError } from '../../errors.ts';
import type { Backend, Env } from '../context.ts';
import { knownHosts } from '../hosts.ts';
import { answerProblem } from '../problem.ts';
import { limitFailures } from '../ratelimit.ts';
import { connectRoutes } from './routes.ts';

/** The connect flow by itself: its pages, where providers send browsers back to, and nothing else. */
export function connectApp(backend: Backend): Hono<Env> {
  const { limits, url } = backend;
  const app = new Hono<Env>();
  app.onError((error, context) => answerProblem(context, error));
  app.notFound((context) => answerProblem(context, new TielineError('not_found', 'there is nothing at this address')));
  app.use(requestId({ limitLength: 64 }), secureHeaders(), knownHosts(url));
  app.route('/', connectRoutes(backend, limitFailures(limits.failures)));
  return app;
}
