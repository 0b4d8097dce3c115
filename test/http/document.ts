import { Validator } from '@cfworker/json-schema';

type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: object;
};
type Operation = {
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { schema: object }>> }>>;
};

/** What an OpenAPI document says against an answer; empty where it fits. */
export function misfits(
  document: Document,
  { method, path, status, type, body }: { method: string; path: string; status: number; type: string; body: unknown },
): string[] {
  const found = Object.entries(document.paths).find(([template, methods]) => {
    const pattern = template.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\w+\}/g, '[^/]+');
    return new RegExp(`^${pattern}$`).test(path) && methods[method.toLowerCase()];
  });
  const response = found?.[1][method.toLowerCase()]?.responses[status];
  // An address that is none has nothing to keep to.
  if (!found) return status === 404 || status === 401 ? [] : [`${method} ${path} is not described`];
  if (!response) return [`${method} ${found[0]} says nothing of status ${status}`];
  const media = type.split(';')[0] ?? '';
  if (!response.content) return body === undefined ? [] : [`${method} ${found[0]} ${status} has a body`];
  const schema = response.content[media]?.schema;
  if (!schema) return [`${method} ${found[0]} ${status} is not of the type ${media}`];
  const validator = new Validator({ ...schema, components: document.components } as object, '2020-12', false);
  const { errors } = validator.validate(body);
  return errors.map((it) => `${method} ${found[0]} ${status} ${it.instanceLocation}: ${it.error}`);
}
