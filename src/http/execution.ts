import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { execute } from '../execute/execute.ts';
import type { Outcome } from '../execute/result.ts';
import { connectorOfType } from './connectors.ts';
import type { Backend, Env } from './context.ts';
import { customerOf } from './customer.ts';
import { idParams, nameParams, name as text } from './fields.ts';
import { findIntegrationById } from './integrations.ts';
import { failures } from './problem.ts';
import { body, json, router } from './router.ts';

const call = z.object({
  entity: text.min(1).openapi({ example: 'messages' }),
  action: text.min(1).openapi({ example: 'list' }),
  params: z.record(text, z.unknown()).default({}),
});

const result = z
  .object({
    data: z.unknown(),
    meta: z.object({
      integration: z.string().openapi({ description: 'Identifier of the account that served.' }),
      account: z.string().optional(),
      page: z.object({ cursor: z.string().optional(), hasMore: z.boolean() }).optional(),
      truncated: z.unknown().optional(),
    }),
    file: z.object({ name: z.string(), mime_type: z.string(), base64: z.string() }).optional(),
  })
  .openapi('Result');

const calls = failures(403, 404, 409, 413, 422, 502);

const routes = {
  byId: createRoute({
    method: 'post',
    path: '/integrations/connectors/{id}/execute',
    tags: ['Execution'],
    summary: 'Run an action as an integration',
    request: { params: idParams, ...body(call, 'What to run') },
    responses: { 200: json(result, 'What came of it'), ...calls },
  }),
  byConnector: createRoute({
    method: 'post',
    path: '/connectors/{name}/execute',
    tags: ['Execution'],
    summary: 'Run an action as the user’s default integration, or the one of an identifier',
    request: {
      params: nameParams,
      ...body(call.extend({ identifier: text.optional(), customer_name: text.optional() }), 'What to run'),
    },
    responses: { 200: json(result, 'What came of it'), ...calls },
  }),
};

/** The one call, over HTTP. */
export function executionRoutes(backend: Backend): OpenAPIHono<Env> {
  const { engine } = backend;
  const app = router();

  app.openapi(routes.byId, async (context) => {
    const { integration, who } = await findIntegrationById(
      backend,
      context.get('caller'),
      context.req.valid('param').id,
    );
    const { connector, identifier } = integration;
    const { signal } = context.req.raw;
    const idempotencyKey = context.req.header('idempotency-key');
    const wanted = { ...context.req.valid('json'), connector, identifier, signal, idempotencyKey };
    const outcome = await execute(engine, who, wanted);
    if (outcome.isReplayed) context.header('idempotency-replayed', 'true');
    return context.json(shown(outcome), 200);
  });

  app.openapi(routes.byConnector, async (context) => {
    const { customer_name: name, ...wanted } = context.req.valid('json');
    const { who } = await customerOf(backend, context.get('caller'), name);
    const connector = connectorOfType(engine.catalog, context.req.valid('param').name).name;
    const { signal } = context.req.raw;
    const idempotencyKey = context.req.header('idempotency-key');
    const outcome = await execute(engine, who, { ...wanted, connector, signal, idempotencyKey });
    if (outcome.isReplayed) context.header('idempotency-replayed', 'true');
    return context.json(shown(outcome), 200);
  });

  return app;
}

function shown({ data, meta, file }: Outcome): z.infer<typeof result> {
  if (!file) return { data, meta };
  const { name, mimeType, bytes } = file;
  return { data, meta, file: { name, mime_type: mimeType, base64: Buffer.from(bytes).toString('base64') } };
}
