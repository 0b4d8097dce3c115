import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { TielineError } from '../errors.ts';
import { endGrantOf, type Grant, listGrants } from '../integration/grant.ts';
import type { User } from '../integration/user.ts';
import { quoted } from '../quoted.ts';
import type { Backend, Caller, Env } from './context.ts';
import { idParams } from './fields.ts';
import { failures } from './problem.ts';
import { json, router } from './router.ts';
import { scopeSchema } from './scopes.ts';

const tags = ['Grants'];

const grant = z
  .object({
    id: z.string(),
    client: z.object({
      id: z.string().openapi({ description: 'Its `client_id`.' }),
      name: z.string().openapi({ description: 'As it was on the consent page.', example: 'Claude' }),
    }),
    scopes: z.array(scopeSchema),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
  })
  .openapi('Grant');

const routes = {
  list: createRoute({
    method: 'get',
    path: '/grants',
    tags,
    summary: 'What the user has allowed MCP clients to do, by signing in from there',
    responses: { 200: json(z.object({ data: z.array(grant) }), 'Grants'), ...failures(403) },
  }),
  end: createRoute({
    method: 'delete',
    path: '/grants/{id}',
    tags,
    summary: 'End a grant, and with it the tokens of the client',
    request: { params: idParams },
    responses: { 204: { description: 'Ended' }, ...failures(403, 404) },
  }),
};

/** What the user who asks has allowed OAuth clients. */
export function grantRoutes({ engine }: Backend): OpenAPIHono<Env> {
  const { keystore, now } = engine;
  const app = router();

  app.openapi(routes.list, async (context) => {
    const grants = await listGrants(keystore, userOnly(context.get('caller')), now());
    return context.json({ data: grants.map(shown) }, 200);
  });

  app.openapi(routes.end, async (context) => {
    const user = userOnly(context.get('caller'));
    const { id } = context.req.valid('param');
    if (await endGrantOf(keystore, user, id)) return context.body(null, 204);
    throw new TielineError('not_found', `there is no grant ${quoted(id)}`, {
      hint: 'Look at the list of grants.',
    });
  });

  return app;
}

function userOnly(caller: Caller): User {
  if (caller.kind === 'user') return caller.user;
  throw new TielineError('not_permitted', 'grants are for users', { hint: 'Send the login token of the user.' });
}

const shown = ({ id, client, scopes, createdAt, expiresAt }: Grant): z.infer<typeof grant> => ({
  id,
  client,
  scopes: [...scopes],
  created_at: new Date(createdAt).toISOString(),
  expires_at: new Date(expiresAt).toISOString(),
});
