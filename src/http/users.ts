import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { TielineError } from '../errors.ts';
import {
  authenticateUser,
  createUser,
  disableUser,
  enableUser,
  findUser,
  listUsers,
  readUser,
  rotateUserSecret,
  type User,
  unknownUser,
} from '../integration/user.ts';
import { clientOnly, LOGIN_TOKEN } from './caller.ts';
import type { Backend, Env } from './context.ts';
import { idParams, name } from './fields.ts';
import { openPosition, pageOf, pageQuery, sealPosition } from './page.ts';
import { failures } from './problem.ts';
import { digestOf, type FailureLimit } from './ratelimit.ts';
import { json, router } from './router.ts';
import { deleteUserWithAll } from './userdata.ts';

const identifier = name
  .min(1)
  .openapi({ description: 'The organization’s own name for the user.', example: 'ada@example.com' });

const user = z
  .object({
    id: z.string().openapi({ example: 'usr_0f3a…' }),
    identifier,
    status: z.enum(['active', 'disabled']),
    created_at: z.iso.datetime(),
  })
  .openapi('User');

const withSecret = user
  .extend({ secret: z.string().openapi({ description: 'Shown this once.', example: 'sk-user-…' }) })
  .openapi('UserWithSecret');

const token = z
  .object({
    token: z.string().openapi({ description: 'For Authorization: Bearer.' }),
    token_type: z.literal('Bearer'),
    expires_at: z.iso.datetime(),
    user,
  })
  .openapi('Token');

const LOGIN_SECONDS = 3_600;

const routes = {
  create: createRoute({
    method: 'post',
    path: '/users',
    tags: ['Users'],
    summary: 'Register a user. The secret is shown this once.',
    request: { body: { required: true, ...json(z.object({ identifier }), 'Who it is') } },
    responses: { 201: json(withSecret, 'The user with the secret'), ...failures(409) },
  }),
  list: createRoute({
    method: 'get',
    path: '/users',
    tags: ['Users'],
    summary: 'The users of the organization, oldest first',
    request: { query: pageQuery.extend({ identifier: identifier.optional() }) },
    responses: { 200: json(pageOf(user), 'Users'), ...failures() },
  }),
  get: createRoute({
    method: 'get',
    path: '/users/{id}',
    tags: ['Users'],
    summary: 'One user',
    request: { params: idParams },
    responses: { 200: json(user, 'The user'), ...failures(404) },
  }),
  change: createRoute({
    method: 'patch',
    path: '/users/{id}',
    tags: ['Users'],
    summary: 'Disable a user, or serve them again. Their tokens end.',
    request: {
      params: idParams,
      body: { required: true, ...json(z.object({ disabled: z.boolean() }), 'What changes') },
    },
    responses: { 200: json(user, 'The user'), ...failures(404) },
  }),
  rotate: createRoute({
    method: 'post',
    path: '/users/{id}/secret',
    tags: ['Users'],
    summary: 'A new secret in the place of the old one. Tokens got by the old one end.',
    request: { params: idParams },
    responses: { 200: json(withSecret, 'The user with the new secret'), ...failures(404) },
  }),
  remove: createRoute({
    method: 'delete',
    path: '/users/{id}',
    tags: ['Users'],
    summary: 'Delete a user with all that is theirs',
    request: { params: idParams },
    responses: { 204: { description: 'Gone' }, ...failures(404) },
  }),
  logIn: createRoute({
    method: 'post',
    path: '/auth/token',
    tags: ['Users'],
    summary: 'Log a user in',
    request: { body: { required: true, ...json(z.object({ identifier, secret: name }), 'Who it is') } },
    responses: { 200: json(token, 'A token for an hour'), ...failures() },
  }),
  me: createRoute({
    method: 'get',
    path: '/me',
    tags: ['Users'],
    summary: 'The user of the token',
    responses: { 200: json(user, 'The user'), ...failures(403) },
  }),
};

/** Users of an organization, and their login. */
export function userRoutes(backend: Backend, limit: FailureLimit): OpenAPIHono<Env> {
  const { engine, signingKeys, url } = backend;
  const { keystore, now } = engine;
  const app = router();

  async function find(organization: string, userId: string): Promise<User> {
    const found = await readUser(keystore, organization, userId);
    if (found) return found;
    throw unknownUser(userId);
  }

  app.openapi(routes.create, async (context) => {
    const { organization } = clientOnly(context.get('caller'));
    const made = await createUser(keystore, organization, context.req.valid('json').identifier, now());
    return context.json({ ...shown(made.user), secret: made.secret }, 201);
  });

  app.openapi(routes.list, async (context) => {
    const { organization } = clientOnly(context.get('caller'));
    const { limit: most, cursor, identifier: wanted } = context.req.valid('query');
    if (wanted !== undefined) {
      const found = await findUser(keystore, organization, wanted);
      return context.json({ data: found ? [shown(found)] : [], next_cursor: null }, 200);
    }
    const place = `users ${organization}`;
    const { users, next } = await listUsers(keystore, organization, {
      after: openPosition(keystore, place, cursor),
      limit: most,
    });
    return context.json({ data: users.map(shown), next_cursor: sealPosition(keystore, place, next) }, 200);
  });

  app.openapi(routes.get, async (context) => {
    const { organization } = clientOnly(context.get('caller'));
    return context.json(shown(await find(organization, context.req.valid('param').id)), 200);
  });

  app.openapi(routes.change, async (context) => {
    const { organization } = clientOnly(context.get('caller'));
    const found = await find(organization, context.req.valid('param').id);
    const changed = context.req.valid('json').disabled
      ? await disableUser(keystore, found, now())
      : await enableUser(keystore, found);
    return context.json(shown(changed), 200);
  });

  app.openapi(routes.rotate, async (context) => {
    const { organization } = clientOnly(context.get('caller'));
    const found = await find(organization, context.req.valid('param').id);
    const { user: rotated, secret } = await rotateUserSecret(keystore, found, now());
    return context.json({ ...shown(rotated), secret }, 200);
  });

  app.openapi(routes.remove, async (context) => {
    const { organization } = clientOnly(context.get('caller'));
    await deleteUserWithAll(engine, await find(organization, context.req.valid('param').id));
    return context.body(null, 204);
  });

  app.openapi(routes.logIn, async (context) => {
    const { organization } = clientOnly(context.get('caller'));
    const { identifier: called, secret } = context.req.valid('json');
    // The very thing that was wrong before: another one is always looked at, as it may be right.
    const guessed = digestOf(JSON.stringify([organization, called, secret]));
    limit.check(() => guessed);
    const found = await authenticateUser(keystore, organization, called, secret);
    if (!found) {
      limit.count(guessed);
      throw new TielineError('login_failed', 'identifier and secret do not belong together here', {
        hint: 'Check both, and that the client API key is of the organization of the user.',
      });
    }
    const text = await signingKeys.sign({
      subject: found.id,
      audience: url,
      ttlSeconds: LOGIN_SECONDS,
      type: LOGIN_TOKEN,
      claims: { org: organization },
    });
    const expires_at = new Date(now() + LOGIN_SECONDS * 1_000).toISOString();
    return context.json({ token: text, token_type: 'Bearer' as const, expires_at, user: shown(found) }, 200);
  });

  app.openapi(routes.me, (context) => {
    const caller = context.get('caller');
    if (caller.kind === 'user') return context.json(shown(caller.user), 200);
    throw new TielineError('not_permitted', 'a client API key is no user', { hint: 'Send the token of a login.' });
  });

  return app;
}

const shown = ({ id: userId, identifier: called, disabledAt, createdAt }: User): z.infer<typeof user> => ({
  id: userId,
  identifier: called,
  status: disabledAt === undefined ? 'active' : 'disabled',
  created_at: new Date(createdAt).toISOString(),
});
