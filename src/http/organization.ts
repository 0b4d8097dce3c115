import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { TielineError } from '../errors.ts';
import { type ClientKey, createClientKey, listClientKeys, revokeClientKey } from '../integration/clientkey.ts';
import {
  type Organization,
  readOrganization,
  unknownOrganization,
  updateOrganization,
} from '../integration/organization.ts';
import { quoted } from '../quoted.ts';
import { clientOnly } from './caller.ts';
import type { Backend, Env } from './context.ts';
import { address, idParams, name as text } from './fields.ts';
import { failures } from './problem.ts';
import { isWebRedirect } from './redirecturi.ts';
import { json, router } from './router.ts';

const redirectUrl = address.refine(isWebRedirect, 'is https, or http to this machine');

const organization = z
  .object({
    id: z.string(),
    name: z.string(),
    redirect_urls: z.array(z.string()).openapi({ description: 'Where browsers may be sent after a connect flow.' }),
    created_at: z.iso.datetime(),
  })
  .openapi('Organization');

const clientKey = z.object({ id: z.string(), name: z.string(), created_at: z.iso.datetime() }).openapi('ClientKey');

const routes = {
  get: createRoute({
    method: 'get',
    path: '/organization',
    tags: ['Organization'],
    summary: 'The organization of the key',
    responses: { 200: json(organization, 'The organization'), ...failures() },
  }),
  change: createRoute({
    method: 'patch',
    path: '/organization',
    tags: ['Organization'],
    summary: 'Change its name, or where browsers may be sent after a connect flow',
    request: {
      body: {
        required: true,
        ...json(
          z.object({
            name: text.min(1).optional(),
            redirect_urls: z.array(redirectUrl).max(50).optional(),
          }),
          'What changes',
        ),
      },
    },
    responses: { 200: json(organization, 'The organization'), ...failures() },
  }),
  listKeys: createRoute({
    method: 'get',
    path: '/client-keys',
    tags: ['Organization'],
    summary: 'The client API keys of the organization, without their text',
    responses: { 200: json(z.object({ data: z.array(clientKey) }), 'Keys'), ...failures() },
  }),
  createKey: createRoute({
    method: 'post',
    path: '/client-keys',
    tags: ['Organization'],
    summary: 'One more client API key. Its text is shown this once.',
    request: { body: { required: true, ...json(z.object({ name: text.min(1) }), 'What it is for') } },
    responses: {
      201: json(
        clientKey.extend({ key: z.string().openapi({ example: 'sk-client-…' }) }).openapi('NewClientKey'),
        'The key',
      ),
      ...failures(),
    },
  }),
  revokeKey: createRoute({
    method: 'delete',
    path: '/client-keys/{id}',
    tags: ['Organization'],
    summary: 'Revoke a client API key',
    request: { params: idParams },
    responses: { 204: { description: 'Revoked' }, ...failures(404) },
  }),
};

/** The caller's organization and its client API keys. */
export function organizationRoutes({ engine }: Backend): OpenAPIHono<Env> {
  const { keystore, now } = engine;
  const app = router();

  app.openapi(routes.get, async (context) => {
    const { organization: id } = clientOnly(context.get('caller'));
    const found = await readOrganization(keystore, id);
    if (!found) throw unknownOrganization(id);
    return context.json(shown(found), 200);
  });

  app.openapi(routes.change, async (context) => {
    const { organization: id } = clientOnly(context.get('caller'));
    const { name, redirect_urls: redirectUrls } = context.req.valid('json');
    const changed = { ...(name !== undefined && { name }), ...(redirectUrls && { redirectUrls }) };
    return context.json(shown(await updateOrganization(keystore, id, changed)), 200);
  });

  app.openapi(routes.listKeys, async (context) => {
    const { organization: id } = clientOnly(context.get('caller'));
    return context.json({ data: (await listClientKeys(keystore, id)).map(shownKey) }, 200);
  });

  app.openapi(routes.createKey, async (context) => {
    const { organization: id } = clientOnly(context.get('caller'));
    const { name } = context.req.valid('json');
    const { record, text } = await createClientKey(keystore, { name, organizations: [id], now: now() });
    return context.json({ ...shownKey(record), key: text }, 201);
  });

  app.openapi(routes.revokeKey, async (context) => {
    const { organization: id } = clientOnly(context.get('caller'));
    const key = context.req.valid('param').id;
    if (await revokeClientKey(keystore, id, key)) return context.body(null, 204);
    throw new TielineError('not_found', `there is no client API key ${quoted(key)}`, {
      hint: 'Look at the list of keys.',
    });
  });

  return app;
}

const shown = ({ id, name, redirectUrls, createdAt }: Organization): z.infer<typeof organization> => ({
  id,
  name,
  redirect_urls: [...redirectUrls],
  created_at: new Date(createdAt).toISOString(),
});

const shownKey = ({ id, name, createdAt }: ClientKey): z.infer<typeof clientKey> => ({
  id,
  name,
  created_at: new Date(createdAt).toISOString(),
});
