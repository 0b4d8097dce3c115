import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Connector } from '../connector/connector.ts';
import { formOf } from '../connector/schema.ts';
import type { Values } from '../connector/values.ts';
import { TielineError } from '../errors.ts';
import { checkArguments } from '../execute/validate.ts';
import { deleteApp, readApp, writeApp } from '../integration/app.ts';
import { clientOnly } from './caller.ts';
import { callbackUrl } from './connect/choices.ts';
import { connectorOfType } from './connectors.ts';
import type { Backend, Env } from './context.ts';
import { nameParams as params, plainValues } from './fields.ts';
import { failures } from './problem.ts';
import { body, json, router } from './router.ts';

const app = z
  .object({
    schema: z.record(z.string(), z.unknown()).openapi({ description: 'JSON Schema of its parameters' }),
    parameters: z.record(z.string(), z.unknown()).openapi({ description: 'Without the secret ones' }),
    secrets: z.array(z.string()).openapi({ description: 'Names of the secret ones that are set' }),
    redirect_uri: z.url().openapi({ description: 'The address that the provider has to allow for it' }),
  })
  .openapi('App');
const tags = ['Connectors'];

const routes = {
  get: createRoute({
    method: 'get',
    path: '/connectors/{name}/app',
    tags,
    summary: 'The organization’s own OAuth app at a connector',
    request: { params },
    responses: { 200: json(app, 'The app'), ...failures(403, 404) },
  }),
  put: createRoute({
    method: 'put',
    path: '/connectors/{name}/app',
    tags,
    summary: 'Use an OAuth app of your own instead of the operator’s',
    request: { params, ...body(plainValues, 'Its parameters, such as client ID and secret') },
    responses: { 200: json(app, 'The app'), ...failures(403, 404) },
  }),
  remove: createRoute({
    method: 'delete',
    path: '/connectors/{name}/app',
    tags,
    summary: 'Go back to the operator’s app',
    request: { params },
    responses: { 204: { description: 'Gone' }, ...failures(403, 404) },
  }),
};

/** What an organization sets for a connector, such as the client ID and secret of its OAuth app. */
export function appRoutes({ engine, url }: Backend): OpenAPIHono<Env> {
  const { keystore, catalog } = engine;
  const routed = router();

  routed.openapi(routes.get, async (context) => {
    const { organization } = clientOnly(context.get('caller'));
    const connector = withApp(connectorOfType(catalog, context.req.valid('param').name));
    return context.json(shown(url, connector, await readApp(keystore, organization, connector.name)), 200);
  });

  routed.openapi(routes.put, async (context) => {
    const { organization } = clientOnly(context.get('caller'));
    const connector = withApp(connectorOfType(catalog, context.req.valid('param').name));
    const given = context.req.valid('json');
    checkArguments(schemaOf(connector), given, 'the parameters of the app');
    await writeApp(keystore, organization, connector.name, given);
    return context.json(shown(url, connector, given), 200);
  });

  routed.openapi(routes.remove, async (context) => {
    const { organization } = clientOnly(context.get('caller'));
    await deleteApp(keystore, organization, withApp(connectorOfType(catalog, context.req.valid('param').name)).name);
    return context.body(null, 204);
  });

  return routed;
}

const schemaOf = (connector: Connector) => connector.definition.app?.schema ?? {};

function withApp(connector: Connector): Connector {
  if (connector.definition.app) return connector;
  throw new TielineError('not_found', `${connector.name} needs no app`, { hint: 'Link accounts of it right away.' });
}

function shown(url: string, connector: Connector, given: Values): z.infer<typeof app> {
  const { fields } = formOf(schemaOf(connector));
  const entries = Object.entries(given);
  return {
    schema: { ...schemaOf(connector) },
    parameters: Object.fromEntries(entries.filter(([name]) => fields[name] && !fields[name].secret)),
    secrets: entries.flatMap(([name]) => (fields[name]?.secret ? [name] : [])),
    redirect_uri: callbackUrl(url, connector),
  };
}
