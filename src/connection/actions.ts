import { propertiesOf } from '../connector/schemalint.ts';
import type { JsonSchema, Values } from '../connector/values.ts';
import { placeOf } from './auth.ts';
import type { Connection } from './spec.ts';
import { namesIn, withPlaces } from './template.ts';

/** Roots that requests of an action have; such a name is a parameter only where it is declared as one. */
const ROOTS = new Set([
  'app',
  'input',
  'secrets',
  'settings',
  'credentials',
  'account',
  'args',
  'steps',
  'response',
  'item',
  'expanded',
]);

const EFFECTS: Readonly<Record<string, string>> = {
  GET: 'read',
  HEAD: 'read',
  POST: 'create',
  PUT: 'idempotent',
  PATCH: 'update',
  DELETE: 'idempotent',
};

/** The entities of a definition: what the user described, with what they left out filled in. */
export function entitiesOf(connection: Connection): Values {
  return Object.fromEntries(
    Object.entries(connection.actions).map(([entity, actions]) => [
      entity,
      {
        title: entity.replaceAll('_', ' ').replace(/^./, (it) => it.toUpperCase()),
        actions: Object.fromEntries(
          Object.entries(actions).map(([name, it]) => [name, completed(connection, `${entity} ${name}`, it)]),
        ),
      },
    ]),
  );
}

function completed({ secrets, parameters, name: title }: Connection, what: string, action: Values): Values {
  const params = (action.params ?? { type: 'object', properties: {} }) as JsonSchema;
  const declared = Object.keys(propertiesOf(params));
  const [kept, inputs] = [Object.keys(secrets), Object.keys(parameters)];
  const isArgument = (name: string) =>
    declared.includes(name) || !(kept.includes(name) || inputs.includes(name) || ROOTS.has(name));
  const place = (name: string) => (isArgument(name) ? `args.${name}` : placeOf(kept, inputs)(name));
  const parts = requestsOf(action);
  const used = namesIn(parts).filter(isArgument);
  const found = used.filter((it) => !declared.includes(it));
  const needed = namesIn(pathsIn(parts)).filter((it) => found.includes(it));
  const request = last(action);
  const method = typeof request.method === 'string' ? request.method : 'GET';
  const asked = [...(Array.isArray(params.required) ? params.required : []), ...needed];
  return {
    summary: `${method} ${typeof request.path === 'string' ? request.path : ''} of ${title}: ${what}.`
      .replaceAll(/[{}]/g, '')
      .slice(0, 300),
    effect: EFFECTS[method] ?? 'create',
    ...(method === 'DELETE' && { destructive: true }),
    ...action,
    ...(withPlaces(withSlashes(parts), place) as Values),
    params: {
      type: 'object',
      ...params,
      properties: {
        ...propertiesOf(params),
        ...Object.fromEntries(found.map((it) => [it, { type: 'string' }])),
      },
      ...(asked.length > 0 && { required: asked }),
    },
  };
}

/** The parts of an action that say what is sent. */
function requestsOf({ request, steps, expand }: Values): Values {
  return {
    ...(request !== undefined && { request }),
    ...(steps !== undefined && { steps }),
    ...(expand !== undefined && { expand }),
  };
}

function last({ request, steps }: Values): Values {
  const step: unknown = Array.isArray(steps) ? steps.at(-1) : undefined;
  const found = request ?? (isMapping(step) ? step.request : undefined);
  return isMapping(found) ? found : {};
}

/** A path of a request begins with a slash, whether the user wrote one or not. */
function withSlashes(tree: unknown, key?: string): unknown {
  if (key === 'path' && typeof tree === 'string') return `/${tree.replace(/^\/+/, '')}`;
  if (Array.isArray(tree)) return tree.map((it) => withSlashes(it));
  if (!isMapping(tree)) return tree;
  // What is sent may have a field named path.
  const isBody = (name: string) => ['query', 'headers', 'json', 'form'].includes(name);
  return Object.fromEntries(
    Object.entries(tree).map(([name, it]) => [name, isBody(name) ? it : withSlashes(it, name)]),
  );
}

function pathsIn({ request, steps, expand }: Values): unknown[] {
  const all = [request, ...(Array.isArray(steps) ? steps.map((it: unknown) => (it as Values).request) : []), expand];
  return all.map((it) => (isMapping(it) ? it.path : undefined));
}

const isMapping = (it: unknown): it is Record<string, unknown> =>
  it !== null && typeof it === 'object' && !Array.isArray(it);
