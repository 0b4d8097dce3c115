import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { TielineError } from '../errors.ts';
import { connectAccount, optionNamed } from '../execute/connect.ts';
import { testIntegration } from '../execute/health.ts';
import { revokeAccount } from '../execute/revoke.ts';
import {
  readAllIntegrations,
  readIntegrations,
  removeIntegration,
  renameIntegration,
  setDefaultIntegration,
  setDisabled,
} from '../integration/accounts.ts';
import { checkIdentifier, type Integration, isPending } from '../integration/integration.ts';
import { locateIntegration } from '../integration/locator.ts';
import { listUsers, readUser, type User } from '../integration/user.ts';
import { userConnectors } from '../integration/userconnectors.ts';
import { quoted } from '../quoted.ts';
import { principalOf } from './caller.ts';
import { connectorOfType } from './connectors.ts';
import type { Backend, Caller, Env } from './context.ts';
import { optionFor } from './credentials.ts';
import { type Customer, customerOf, enabled } from './customer.ts';
import { idParams as params, name as text, values } from './fields.ts';
import { type IntegrationView, integrationSchema, integrationView } from './integrationview.ts';
import { openPosition, pageOf, pageQuery, sealPosition } from './page.ts';
import { failures } from './problem.ts';
import { body, json, router } from './router.ts';
import { readSettings } from './settings.ts';

const PATH = '/integrations/connectors';
const tags = ['Integrations'];

const routes = {
  create: createRoute({
    method: 'post',
    path: PATH,
    tags,
    summary: 'Link an account with credentials that are there already. They are tried first, and never shown again.',
    request: body(
      z.object({
        customer_name: text.optional().openapi({ description: 'The user; made on first mention.' }),
        connector_type: text.openapi({ example: 'gmail' }),
        name: text.optional().openapi({ description: 'Identifier; who the account is by default.' }),
        auth_option: text.optional(),
        credentials: values.default({}),
        replication_config: values.optional().openapi({ description: 'Settings of the integration.' }),
      }),
      'The account',
    ),
    responses: { 201: json(integrationSchema, 'The integration'), ...failures(403, 404, 409, 422, 502) },
  }),
  list: createRoute({
    method: 'get',
    path: PATH,
    tags,
    summary: 'Integrations of one user, or of all',
    request: {
      query: pageQuery.extend({ customer_name: text.optional(), connector_type: text.optional() }),
    },
    responses: { 200: json(pageOf(integrationSchema), 'Integrations'), ...failures(404) },
  }),
  get: createRoute({
    method: 'get',
    path: `${PATH}/{id}`,
    tags,
    summary: 'One integration',
    request: { params },
    responses: { 200: json(integrationSchema, 'The integration'), ...failures(404) },
  }),
  change: createRoute({
    method: 'patch',
    path: `${PATH}/{id}`,
    tags,
    summary: 'Rename it, make it the default, or keep it from serving',
    request: {
      params,
      ...body(
        z.object({
          identifier: text.optional(),
          is_default: z.literal(true).optional(),
          disabled: z.boolean().optional(),
        }),
        'What changes',
      ),
    },
    responses: { 200: json(integrationSchema, 'The integration'), ...failures(404, 409) },
  }),
  test: createRoute({
    method: 'post',
    path: `${PATH}/{id}/test`,
    tags,
    summary: 'Try its credentials at the provider',
    request: { params },
    responses: {
      200: json(
        z.object({ tested: z.boolean().openapi({ description: 'False where the connector has no way to tell.' }) }),
        'It works',
      ),
      ...failures(403, 404, 409, 502),
    },
  }),
  reconnect: createRoute({
    method: 'post',
    path: `${PATH}/{id}/reconnect`,
    tags,
    summary: 'Put new credentials of the same account under it',
    request: {
      params,
      ...body(z.object({ auth_option: text.optional(), credentials: values.default({}) }), 'New credentials'),
    },
    responses: { 200: json(integrationSchema, 'The integration'), ...failures(404, 409, 422, 502) },
  }),
  remove: createRoute({
    method: 'delete',
    path: `${PATH}/{id}`,
    tags,
    summary: 'Forget it and its credentials, which are ended at the provider where that can be',
    request: { params },
    responses: { 204: { description: 'Gone' }, ...failures(404) },
  }),
};

type Found = Customer & { readonly integration: Integration; readonly defaultId: string | null };

/** The integration of an id that the caller may see. Throws `integration_unknown`, alike for those of others. */
export async function findIntegrationById({ engine }: Backend, caller: Caller, id: string): Promise<Found> {
  const { keystore, now } = engine;
  const { organization } = caller;
  const location = await locateIntegration(keystore, organization, id);
  const isTheirs = location !== undefined && (caller.kind === 'client' || caller.user.id === location.user);
  const user = isTheirs ? await readUser(keystore, organization, location.user) : undefined;
  if (location && user) {
    const who = principalOf(enabled(user));
    const all = await readIntegrations(keystore, who, location.connector, now());
    const integration = all.items.find((it) => it.id === id);
    if (integration) return { user, who, integration, defaultId: all.default };
  }
  throw new TielineError('integration_unknown', `there is no integration ${quoted(id)}`, {
    hint: 'Look at the list of integrations.',
  });
}

/** Integrations by the requests of a program, or of their own user. */
export function integrationRoutes(backend: Backend): OpenAPIHono<Env> {
  const { engine } = backend;
  const { keystore, now } = engine;
  const app = router();

  /** As it is after a change. */
  const viewOf = async (caller: Caller, id: string): Promise<IntegrationView> => {
    const { integration, defaultId, ...customer } = await findIntegrationById(backend, caller, id);
    return integrationView(engine, customer, integration, defaultId);
  };

  app.openapi(routes.create, async (context) => {
    const caller = context.get('caller');
    const wanted = context.req.valid('json');
    const connector = connectorOfType(engine.catalog, wanted.connector_type);
    const option = optionFor(connector, wanted.credentials, wanted.auth_option);
    const customer = await customerOf(backend, caller, wanted.customer_name, { create: true });
    const { integration } = await connectAccount(engine, customer.who, {
      connector: connector.name,
      option: option.key,
      identifier: wanted.name,
      input: wanted.credentials,
      settings: readSettings(connector, wanted.replication_config),
    });
    return context.json(await viewOf(caller, integration.id), 201);
  });

  app.openapi(routes.list, async (context) => {
    const caller = context.get('caller');
    const { limit, cursor, customer_name: name, connector_type: type } = context.req.valid('query');
    const connector = type === undefined ? undefined : connectorOfType(engine.catalog, type).name;
    const place = `integrations ${caller.organization} ${connector ?? ''} ${name ?? ''}`;
    if (caller.kind === 'user' || name !== undefined) {
      const customer = await customerOf(backend, caller, name);
      const data = await integrationsOf(backend, customer, connector);
      const from = openPosition<number>(keystore, `${place} ${customer.user.id}`, cursor) ?? 0;
      const next = from + limit < data.length ? from + limit : undefined;
      const next_cursor = sealPosition(keystore, `${place} ${customer.user.id}`, next);
      return context.json({ data: data.slice(from, from + limit), next_cursor }, 200);
    }
    const after = openPosition<Parameters<typeof listUsers>[2]['after']>(keystore, place, cursor);
    const { users, next } = await listUsers(keystore, caller.organization, { after, limit });
    const data = await Promise.all(users.map((it) => integrationsOf(backend, customerFor(it), connector)));
    return context.json({ data: data.flat(), next_cursor: sealPosition(keystore, place, next) }, 200);
  });

  app.openapi(routes.get, async (context) =>
    context.json(await viewOf(context.get('caller'), context.req.valid('param').id), 200),
  );

  app.openapi(routes.change, async (context) => {
    const caller = context.get('caller');
    const { integration, who } = await findIntegrationById(backend, caller, context.req.valid('param').id);
    const { identifier, is_default: isDefault, disabled } = context.req.valid('json');
    const { connector } = integration;
    const named = identifier === undefined ? integration.identifier : checkIdentifier(identifier);
    if (named !== integration.identifier)
      await renameIntegration(keystore, who, connector, integration.identifier, named);
    if (isDefault) await setDefaultIntegration(keystore, who, connector, named);
    if (disabled !== undefined) await setDisabled(keystore, who, connector, named, disabled ? now() : undefined);
    engine.changed?.(who);
    return context.json(await viewOf(caller, integration.id), 200);
  });

  app.openapi(routes.test, async (context) => {
    const { integration, who } = await findIntegrationById(
      backend,
      context.get('caller'),
      context.req.valid('param').id,
    );
    return context.json({ tested: await testIntegration(engine, who, integration) }, 200);
  });

  app.openapi(routes.reconnect, async (context) => {
    const caller = context.get('caller');
    const { integration, who } = await findIntegrationById(backend, caller, context.req.valid('param').id);
    const { credentials, auth_option: key } = context.req.valid('json');
    const connector = engine.catalog.connector(integration.connector);
    const option = key === undefined ? optionFor(connector, credentials, undefined) : optionNamed(connector, key);
    await connectAccount(engine, who, {
      connector: connector.name,
      option: option.key,
      identifier: integration.identifier,
      input: credentials,
      reconnect: integration.id,
    });
    return context.json(await viewOf(caller, integration.id), 200);
  });

  app.openapi(routes.remove, async (context) => {
    const { integration, who } = await findIntegrationById(
      backend,
      context.get('caller'),
      context.req.valid('param').id,
    );
    const connector = engine.catalog.connectors.find((it) => it.name === integration.connector);
    // What the user wants gone here must not stay because a provider is down.
    if (connector && !isPending(integration))
      await revokeAccount(engine, who, connector, integration).catch(() => false);
    await removeIntegration(keystore, who, integration.connector, integration.identifier);
    engine.changed?.(who);
    return context.body(null, 204);
  });

  return app;
}

const customerFor = (user: User): Customer => ({ user, who: principalOf(user) });

async function integrationsOf(
  { engine }: Backend,
  customer: Customer,
  connector: string | undefined,
): Promise<IntegrationView[]> {
  const { keystore, catalog, now } = engine;
  const had = await userConnectors(keystore, customer.who);
  const there = new Set(catalog.connectors.map((it) => it.name));
  const names = had.filter((it) => there.has(it) && (connector === undefined || it === connector));
  const all = await readAllIntegrations(keystore, customer.who, names, now());
  return Promise.all(
    [...all.values()].flatMap((of) => of.items.map((it) => integrationView(engine, customer, it, of.default))),
  );
}
