import { operations, schemaOf } from './operations.mjs';

/** The same API as an OpenAPI document, for servers that are made from one. */
export function openapi(count, url) {
  const paths = {};
  for (const it of operations(count)) {
    paths[it.path] ??= {};
    paths[it.path][it.method] = operation(it);
  }
  return {
    openapi: '3.0.3',
    info: { title: 'bench', version: '1.0.0' },
    servers: [{ url }],
    paths,
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
  };
}

function operation({ name, summary, params }) {
  const fields = params.filter((it) => it.in === 'body');
  const schema = {
    type: 'object',
    properties: Object.fromEntries(fields.map((it) => [it.name, schemaOf(it)])),
    required: fields.filter((it) => it.required).map((it) => it.name),
  };
  return {
    operationId: name,
    summary,
    description: summary,
    security: [{ bearer: [] }],
    parameters: params.filter((it) => it.in !== 'body').map(parameter),
    ...(fields.length > 0 && { requestBody: { required: true, content: { 'application/json': { schema } } } }),
    responses: { 200: { description: 'OK', content: { 'application/json': { schema: { type: 'array' } } } } },
  };
}

const parameter = ({ name, in: place, required = false, description, type, enum: values }) => ({
  name,
  in: place,
  required,
  description,
  schema: { type, ...(values && { enum: values }) },
});
