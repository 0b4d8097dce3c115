import type { Values } from '../connector/values.ts';

/** What a caller may set; credentials, cookies and where a message goes are none of its business. */
const HEADERS = [
  'accept',
  'accept-language',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'prefer',
  'idempotency-key',
];

/** Dot segments are refused in every spelling: a path stays below the base URL. */
const PATH = '^(?!.*(?:^|/)(?:[.]|%2[eE]){1,2}(?:/|$))[^?#\\\\]*$';

const common = {
  path: {
    type: 'string',
    maxLength: 2_000,
    pattern: PATH,
    description: 'Below the base URL, for example /tickets/5. Without a query; special characters are encoded for you.',
  },
  query: {
    type: 'object',
    description: 'Query parameters. A list repeats one.',
    additionalProperties: { type: ['string', 'number', 'boolean', 'array'] },
  },
};
const headers = (names: readonly string[]) => ({
  type: 'object',
  description: 'Further headers. Authentication is added by itself.',
  properties: Object.fromEntries(names.map((it) => [it, { type: 'string' }])),
  additionalProperties: false,
});
const body = {
  json: { description: 'The body, sent as JSON.' },
  text: { type: 'string', description: 'The body as text, where it is not JSON; see the header content-type.' },
};

const CONTENT_TYPE = "{{ args.json !== undefined ? 'application/json' : args.headers?.['content-type'] }}";

/** The part of an address after the base URL: each segment encoded, none of them able to lead upwards. */
export const TARGET = `(path, query) => {
  const segments = path.replace(/^\\/+/, '').split('/').map((it) => {
    let text = it;
    try { text = decodeURIComponent(it); } catch { /* a percent sign that is one */ }
    if (text === '.' || text === '..') throw new Error('the path leaves the base URL');
    return encodeURIComponent(text);
  });
  const pairs = Object.entries(query ?? {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((it) => encodeURIComponent(name) + '=' + encodeURIComponent(String(it))),
  );
  return '/' + segments.join('/') + (pairs.length > 0 ? '?' + pairs.join('&') : '');
}`;

/** The actions of a connection that describes none: one for each method, for any path below the base URL. */
export function genericEntities(title: string, baseUrl: string): Values {
  const action = (method: string, summary: string, more: Values) => {
    const hasBody = ['POST', 'PUT', 'PATCH'].includes(method);
    const names = hasBody ? [...HEADERS, 'content-type'] : HEADERS;
    return {
      summary,
      ...more,
      params: {
        type: 'object',
        required: ['path'],
        properties: { ...common, ...(hasBody && body), headers: headers(names) },
      },
      request: {
        method,
        url: `${baseUrl}{{ target(args.path, args.query) }}`,
        headers: {
          ...Object.fromEntries(HEADERS.map((it) => [it, `{{ args.headers?.['${it}'] }}`])),
          ...(hasBody && { 'content-type': CONTENT_TYPE }),
        },
        ...(hasBody && { text: "{{ args.json !== undefined ? JSON.stringify(args.json) : args.text ?? '' }}" }),
      },
      result: {
        value: {
          status: '{{ response.status }}',
          location: '{{ response.headers.location }}',
          body: '{{ response.body }}',
        },
      },
    };
  };
  return {
    requests: {
      title: 'Requests',
      actions: {
        get: action('GET', `Reads a path of ${title}.`, { effect: 'read' }),
        post: action('POST', `Sends data to a path of ${title}, for example to create something.`, {
          effect: 'create',
        }),
        put: action('PUT', `Replaces what is at a path of ${title}.`, { effect: 'idempotent', destructive: true }),
        patch: action('PATCH', `Changes parts of what is at a path of ${title}.`, { effect: 'update' }),
        delete: action('DELETE', `Deletes what is at a path of ${title}.`, { effect: 'idempotent', destructive: true }),
      },
    },
  };
}
