import { inputSchema, operations } from './operations.mjs';

/** A definition is no larger than 1 MB, so a large API is several connectors. */
const MOST = 500;

/** The connectors of an API with so many operations: `bench`, which has the one that is called, `bench1` and so on. */
export function definitions(count) {
  const all = operations(count);
  return Array.from({ length: Math.ceil(count / MOST) }, (_, index) =>
    definition(`bench${index || ''}`, all.slice(index * MOST, (index + 1) * MOST)),
  );
}

function definition(connector, some) {
  const entities = {};
  for (const it of some) {
    entities[it.entity] ??= { title: it.entity, actions: {} };
    entities[it.entity].actions[it.action] = action(it);
  }
  return {
    format: 1,
    connector,
    version: '1.0.0',
    title: 'Bench',
    summary: 'Repositories of a made-up host.',
    server: { baseUrl: '{{ app.baseUrl }}' },
    app,
    auth: { options: { oauth } },
    entities,
  };
}

const app = {
  schema: {
    type: 'object',
    required: ['baseUrl', 'clientId', 'clientSecret'],
    properties: {
      baseUrl: { type: 'string', title: 'Address' },
      clientId: { type: 'string', title: 'Client ID' },
      clientSecret: { type: 'string', title: 'Client secret', secret: true },
    },
  },
};

/** Tokens that another program got, as the connectors that come with Tieline take them: refreshed when it is time. */
const oauth = {
  title: 'Existing tokens',
  type: 'oauth2',
  grant: 'refresh_token',
  ui: {
    schema: {
      type: 'object',
      required: ['refresh_token'],
      properties: { refresh_token: { type: 'string', title: 'Refresh token', secret: true } },
    },
  },
  methods: {
    getOAuthConfig: {
      mapping: {
        clientId: '{{ app.clientId }}',
        clientSecret: '{{ app.clientSecret }}',
        tokenUri: '{{ app.baseUrl }}/token',
      },
    },
    getCredentialsFromConnectionParameters: { mapping: { refreshToken: '{{ input.refresh_token }}' } },
  },
};

const EFFECTS = { get: 'read', post: 'create', patch: 'update', delete: 'idempotent' };

function action({ method, path, params, summary, ...it }) {
  const at = (place) =>
    params.filter((param) => param.in === place).map((param) => [param.name, `{{ args.${param.name} }}`]);
  const query = Object.fromEntries(at('query'));
  const json = Object.fromEntries(at('body'));
  return {
    summary,
    effect: EFFECTS[method],
    params: inputSchema({ params, ...it }),
    request: {
      ...(method !== 'get' && { method: method.toUpperCase() }),
      path: path.replace(/\{(\w+)\}/g, '{{ args.$1 }}'),
      ...(Object.keys(query).length > 0 && { query }),
      ...(Object.keys(json).length > 0 && { json }),
    },
  };
}
