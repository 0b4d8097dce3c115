import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { TielineError } from '../errors.ts';
import type { Engine } from '../execute/engine.ts';
import { supportedScopes } from '../execute/policy.ts';
import {
  createPersonalToken,
  listPersonalTokens,
  type PersonalToken,
  revokePersonalToken,
} from '../integration/personaltoken.ts';
import type { Scope } from '../integration/principal.ts';
import type { User } from '../integration/user.ts';
import { few, quoted } from '../quoted.ts';
import type { Backend, Caller, Env } from './context.ts';
import { idParams, name as text } from './fields.ts';
import { failures } from './problem.ts';
import { body, json, router } from './router.ts';
import { scopeSchema } from './scopes.ts';

const DAY = 24 * 60 * 60_000;
const tags = ['Personal access tokens'];

const token = z
  .object({
    id: z.string(),
    name: z.string(),
    scopes: z.array(scopeSchema),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
  })
  .openapi('PersonalToken');

const routes = {
  create: createRoute({
    method: 'post',
    path: '/tokens',
    tags,
    summary: 'A token for an MCP client of the user. Its text is shown this once.',
    request: body(
      z.object({
        name: text.min(1).openapi({ description: 'What it is for.', example: 'Laptop' }),
        scopes: z.array(scopeSchema).min(1).max(1_000).default(['read', 'write']),
        expires_in_days: z.int().min(1).max(366).default(90),
      }),
      'What it is for',
    ),
    responses: {
      201: json(
        token
          .extend({
            token: z.string().openapi({ description: 'For Authorization: Bearer at /mcp.', example: 'pat-…' }),
          })
          .openapi('NewPersonalToken'),
        'The token',
      ),
      ...failures(403),
    },
  }),
  list: createRoute({
    method: 'get',
    path: '/tokens',
    tags,
    summary: 'The tokens of the user, without their text',
    responses: { 200: json(z.object({ data: z.array(token) }), 'Tokens'), ...failures(403) },
  }),
  revoke: createRoute({
    method: 'delete',
    path: '/tokens/{id}',
    tags,
    summary: 'Revoke a token',
    request: { params: idParams },
    responses: { 204: { description: 'Revoked' }, ...failures(403, 404) },
  }),
};

/** Personal access tokens of the user who asks. A program of the organization gets none: it would speak as the user. */
export function tokenRoutes({ engine }: Backend): OpenAPIHono<Env> {
  const { keystore, now } = engine;
  const app = router();

  app.openapi(routes.create, async (context) => {
    const user = userOnly(context.get('caller'));
    const { name, scopes, expires_in_days: days } = context.req.valid('json');
    const wanted = { name, scopes: knownScopes(engine, scopes), expiresAt: now() + days * DAY, now: now() };
    const { record, text } = await createPersonalToken(keystore, user, wanted);
    return context.json({ ...shown(record), token: text }, 201, { 'cache-control': 'no-store' });
  });

  app.openapi(routes.list, async (context) =>
    context.json({ data: (await listPersonalTokens(keystore, userOnly(context.get('caller')))).map(shown) }, 200),
  );

  app.openapi(routes.revoke, async (context) => {
    const user = userOnly(context.get('caller'));
    const { id } = context.req.valid('param');
    if (await revokePersonalToken(keystore, user, id)) return context.body(null, 204);
    throw new TielineError('not_found', `there is no token ${quoted(id)}`, {
      hint: 'Look at the list of tokens.',
    });
  });

  return app;
}

function userOnly(caller: Caller): User {
  if (caller.kind === 'user') return caller.user;
  throw new TielineError('not_permitted', 'personal access tokens are for users', {
    hint: 'Send the login token of the user.',
  });
}

function knownScopes(engine: Engine, given: readonly string[]): readonly Scope[] {
  const supported = supportedScopes(engine);
  const known = new Set<string>(supported);
  const unknown = given.filter((it) => !known.has(it));
  if (unknown.length === 0) return supported.filter((it) => given.includes(it));
  throw new TielineError('arguments_invalid', `these are no scopes here: ${few(unknown)}`, {
    hint: `Choose from: ${supported.join(', ')}`,
  });
}

const shown = ({ id, name, scopes, createdAt, expiresAt }: PersonalToken): z.infer<typeof token> => ({
  id,
  name,
  scopes: [...scopes],
  created_at: new Date(createdAt).toISOString(),
  expires_at: new Date(expiresAt).toISOString(),
});
