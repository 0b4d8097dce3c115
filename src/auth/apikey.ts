import { TielineError } from '../errors.ts';
import { isForm, withField } from '../network/form.ts';
import type { HttpRequest } from '../network/send.ts';
import { optionOf, textOf } from './option.ts';
import { headerOf, withHeader } from './sign/header.ts';
import type { AuthType } from './type.ts';

export const apiKey: AuthType = {
  schema: {
    type: 'object',
    required: ['apiKey'],
    properties: { apiKey: { type: 'string', title: 'API key', secret: true, minLength: 1 } },
  },
  apply: (option, scope, request, { scripts }) => {
    const { in: place, name, prefix, value } = optionOf(option, 'api_key');
    const key = prefix + textOf(value, scope, `${option.key}: the API key`, { scripts });
    return PLACES[place](request, name, key);
  },
};

const PLACES = {
  header: (request, name, key) => ({ ...request, headers: withHeader(request.headers, name, key) }),
  query: (request, name, key) => {
    const url = new URL(request.url);
    url.searchParams.set(name, key);
    return { ...request, url };
  },
  cookie: (request, name, key) => {
    const cookie = `${name}=${encodeURIComponent(key)}`;
    return { ...request, headers: withHeader(request.headers, 'cookie', cookie) };
  },
  body: (request, name, key) => {
    if (request.method === 'GET' || request.method === 'HEAD') return request;
    return inBody(request, name, key);
  },
  path: (request, name, key) => {
    const url = new URL(request.url);
    // Arguments cannot forge the place: in them a colon is percent-encoded.
    const parts = url.pathname.split(new RegExp(`:${name}(?!\\w)`));
    url.pathname = parts.join(encodeURIComponent(key).replaceAll('%3A', ':'));
    return { ...request, url };
  },
} satisfies Record<string, (request: HttpRequest, name: string, key: string) => HttpRequest>;

/** The key as one more field of a form or of a JSON object, which a request without a body then gets. */
function inBody(request: HttpRequest, name: string, key: string): HttpRequest {
  const { headers, body = '{}' } = request;
  if (isForm(body)) return { ...request, body: withField(body, name, key) };
  const type = headerOf(headers, 'content-type') ?? 'application/json';
  if (typeof body === 'string' && /^application\/x-www-form-urlencoded\b/i.test(type)) {
    const form = new URLSearchParams(body);
    form.set(name, key);
    return { ...request, body: form.toString() };
  }
  const value: unknown = typeof body === 'string' && /\bjson\b/i.test(type) ? JSON.parse(body) : undefined;
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new TielineError('definition_invalid', 'an API key can go into a form or a JSON object only');
  }
  return {
    ...request,
    headers: withHeader(headers, 'content-type', type),
    body: JSON.stringify({ ...value, [name]: key }),
  };
}
