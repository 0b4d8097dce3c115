import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { inputSchema } from '../auth/types.ts';
import type { Catalog } from '../connector/catalog.ts';
import type { Connector } from '../connector/connector.ts';
import { isTielineError } from '../errors.ts';
import { isAllowed } from '../execute/policy.ts';
import { signInKind } from '../execute/signin.ts';
import type { Backend, Env } from './context.ts';
import { nameParams } from './fields.ts';
import { failures } from './problem.ts';
import { json, router } from './router.ts';

const jsonSchema = z.record(z.string(), z.unknown()).openapi({ description: 'JSON Schema 2020-12' });

const summary = z
  .object({ name: z.string(), title: z.string(), summary: z.string(), version: z.string() })
  .openapi('ConnectorSummary');

const connector = summary
  .extend({
    auth_options: z.array(
      z.object({
        key: z.string(),
        title: z.string(),
        type: z.string(),
        is_default: z.boolean(),
        sign_in: z
          .enum(['browser', 'device'])
          .nullable()
          .openapi({ description: 'Where a person signs in at the provider.' }),
        description: z.string().nullable(),
        help_url: z.string().nullable(),
        schema: jsonSchema,
      }),
    ),
    settings_schema: jsonSchema.nullable(),
    entities: z.array(
      z.object({
        name: z.string(),
        title: z.string(),
        actions: z.array(
          z.object({
            name: z.string(),
            title: z.string(),
            summary: z.string(),
            tool: z.string(),
            effect: z.enum(['read', 'idempotent', 'create', 'update']),
            destructive: z.boolean(),
            params_schema: jsonSchema,
          }),
        ),
      }),
    ),
  })
  .openapi('Connector');

const routes = {
  list: createRoute({
    method: 'get',
    path: '/connectors',
    tags: ['Connectors'],
    summary: 'What can be connected',
    responses: { 200: json(z.object({ data: z.array(summary) }), 'Connectors'), ...failures() },
  }),
  get: createRoute({
    method: 'get',
    path: '/connectors/{name}',
    tags: ['Connectors'],
    summary: 'One connector with its entities, actions and ways to connect',
    request: { params: nameParams },
    responses: { 200: json(connector, 'The connector'), ...failures(404) },
  }),
};

/** The catalog, as far as the operator allows it. */
export function connectorRoutes({ engine }: Backend): OpenAPIHono<Env> {
  const app = router();
  app.openapi(routes.list, (context) => context.json({ data: engine.catalog.connectors.map(summaryOf) }, 200));
  app.openapi(routes.get, (context) => {
    const found = connectorOfType(engine.catalog, context.req.valid('param').name);
    return context.json({ ...summaryOf(found), ...detailsOf(found, engine.policy(found.name)) }, 200);
  });
  return app;
}

/** A connector by its name or its title, as in `Gmail`. Throws `connector_unknown`. */
export function connectorOfType(catalog: Catalog, type: string): Connector {
  try {
    return catalog.connector(type.toLowerCase());
  } catch (error) {
    const titled = catalog.connectors.find((it) => it.title.toLowerCase() === type.toLowerCase());
    if (titled && isTielineError(error)) return titled;
    throw error;
  }
}

const summaryOf = ({ name, title, summary: text, version }: Connector): z.infer<typeof summary> => ({
  name,
  title,
  summary: text,
  version,
});

function detailsOf(
  of: Connector,
  policy: Parameters<typeof isAllowed>[0],
): Omit<z.infer<typeof connector>, keyof z.infer<typeof summary>> {
  const { definition } = of;
  return {
    auth_options: [...of.options.values()].map((option) => ({
      key: option.key,
      title: option.spec.title,
      type: option.spec.type,
      is_default: option === of.defaultOption,
      sign_in: signInKind(option) ?? null,
      description: option.spec.ui.description ?? null,
      help_url: option.spec.ui.helpUri ?? null,
      schema: { ...inputSchema(option) },
    })),
    settings_schema: of.settings ? { ...of.settings } : null,
    entities: Object.entries(definition.entities).flatMap(([name, { title }]) => {
      const actions = of.actions.filter((it) => it.entity === name && isAllowed(policy, it));
      return actions.length === 0 ? [] : [{ name, title, actions: actions.map(actionOf) }];
    }),
  };
}

const actionOf = (action: Connector['actions'][number]) => ({
  name: action.name,
  title: action.tool.title ?? action.name,
  summary: action.spec.summary,
  tool: action.tool.name,
  effect: action.spec.effect,
  destructive: action.spec.destructive,
  params_schema: { ...action.args },
});
