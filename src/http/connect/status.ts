import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { TielineError } from '../../errors.ts';
import { type Authorization, readAuthorization, readProgress } from '../../execute/authorization.ts';
import type { Backend, Caller, Env } from '../context.ts';
import { idParams } from '../fields.ts';
import { failures } from '../problem.ts';
import { json, router } from '../router.ts';

const status = z
  .object({
    status: z.enum(['pending', 'done', 'failed', 'expired']),
    connector_id: z.string().optional().openapi({ description: 'The integration, once it is done.' }),
    error: z.string().optional().openapi({ description: 'Code of the failure.' }),
  })
  .openapi('Authorization');

const route = createRoute({
  method: 'get',
  path: '/authorizations/{id}',
  tags: ['Connect flow'],
  summary: 'How far the person is who links an account',
  request: { params: idParams },
  responses: { 200: json(status, 'How far it is'), ...failures(404) },
});

/** For programs that wait for a person and have no page to which the browser could come back. */
export function statusRoutes({ engine }: Backend): OpenAPIHono<Env> {
  const { keystore, now } = engine;
  const app = router();
  app.openapi(route, async (context) => {
    const authorization = await readAuthorization(keystore, context.req.valid('param').id);
    if (!authorization || !isTheirs(context.get('caller'), authorization)) {
      throw new TielineError('not_found', 'there is no authorization of this id', { hint: 'Begin a new one.' });
    }
    const progress = await readProgress(keystore, authorization);
    if (progress?.kind === 'done')
      return context.json({ status: 'done' as const, connector_id: progress.integration }, 200);
    if (progress?.kind === 'failed') return context.json({ status: 'failed' as const, error: progress.code }, 200);
    return context.json({ status: authorization.expiresAt > now() ? ('pending' as const) : ('expired' as const) }, 200);
  });
  return app;
}

const isTheirs = (caller: Caller, { organization, user }: Authorization): boolean =>
  organization === caller.organization && (caller.kind === 'client' || user === caller.user.id);
