import { readFile } from 'node:fs/promises';
import { OWN_TYPES } from '../connection/spec.ts';
import { fieldsOf } from '../connection/template.ts';
import type { JsonSchema, Values } from '../connector/values.ts';
import { TielineError } from '../errors.ts';
import { askFields } from './prompt.ts';

const HINT = 'Give the connection as YAML or JSON: --input <file>, or --input - for standard input';
type Field = { title: string; type: string; default?: string | boolean; description?: string };
const text = (title: string, more: Partial<Field> = {}): Field => ({ type: 'string', title, ...more });
const form = (required: string[], properties: Record<string, Field>): JsonSchema => ({
  type: 'object',
  required,
  properties,
});

const GENERAL = form(['name', 'baseUrl', 'type'], {
  name: text('Name'),
  baseUrl: text('Base URL'),
  testPath: text('Test path', { description: 'A path that answers 2xx, such as /health.' }),
  documentationLink: text('API documentation link'),
  description: text('Description'),
  trustedCa: text('Trusted CA', { description: 'A file with certificates in PEM, for an authority of your own.' }),
  type: text('Authentication', { default: 'none', description: `One of: ${OWN_TYPES.join(', ')}` }),
});

const TOKEN = {
  header: text('Token header', { default: 'Authorization' }),
  prefix: text('Token prefix', { default: 'Bearer' }),
};

/** What each type is asked for here. Secrets are asked for later, once it is known which there are. */
const FORMS: Readonly<Record<string, JsonSchema>> = {
  basic: form(['username'], { username: text('User name') }),
  raw_bearer_token: form([], TOKEN),
  api_key: form([], {
    in: text('Where it goes', { default: 'header', description: 'header, query, cookie, body or path' }),
    name: text('Name of the header or parameter', { default: 'X-Api-Key' }),
  }),
  client_credentials: form(['tokenUrl', 'clientId'], {
    tokenUrl: text('Access token URL'),
    clientId: text('Client ID'),
    clientAuth: text('Client authentication', {
      default: 'www_form_urlencoded',
      description: 'basic_auth or www_form_urlencoded',
    }),
    scope: text('Scope'),
    trustedCa: text('Trusted CA of that address', { description: 'A file with certificates in PEM.' }),
  }),
  http_bearer_token: form(['path', 'token'], {
    ...TOKEN,
    method: text('Method', { default: 'POST' }),
    path: text('Request path', { description: 'Write secrets and parameters as {{name}}, here and below.' }),
    params: text('URL parameters', { description: 'As a=1&b={{name}}' }),
    headers: text('Headers', { description: 'As Name: value; Other: {{name}}' }),
    form: text('Body as form', { description: 'As a=1&b={{name}}; leave it blank for JSON or no body.' }),
    raw: text('Body as JSON'),
    token: text('Token output', { description: "JavaScript over body, statusCode and headers: body['access_token']" }),
    expiration: text('Expiration output', { description: "Seconds: body['expires_in']" }),
    followRedirect: { type: 'boolean', title: 'Follow redirects', default: false },
    streamResponse: { type: 'boolean', title: 'Stream the response', default: false },
    tokenBaseUrl: text('Token base URL', { description: 'Where tokens are got at another address than the API.' }),
    tokenTrustedCa: text('Token trusted CA', { description: 'A file with certificates in PEM.' }),
    secretNames: text('Names that are secret', {
      description: 'Of those in braces, separated by commas; names such as password are by themselves.',
    }),
  }),
};

/** A connection, asked for at the terminal. Throws `usage` where nobody can be asked. */
export async function askConnection(): Promise<Values> {
  const { type = 'none', ...general } = await askFields(GENERAL, {}, 'An HTTP API', HINT);
  const schema = FORMS[String(type)];
  const typed = schema ? await askFields(schema, {}, `Authentication: ${String(type)}`, HINT) : {};
  const { params, headers, form: fields, raw, token, expiration, secretNames, ...rest } = typed;
  const auth = {
    type,
    ...rest,
    ...(typeof params === 'string' && { params: fieldsOf(params) }),
    ...(typeof headers === 'string' && { headers: headersOf(headers) }),
    ...((fields !== undefined || raw !== undefined) && { body: { form: fields, raw } }),
    ...(token !== undefined && { outputs: { token, expiration } }),
  };
  return {
    ...(await withFiles(general)),
    auth: await withFiles(auth),
    ...(typeof secretNames === 'string' && { secrets: namesOf(secretNames) }),
  };
}

const headersOf = (line: string): Values =>
  Object.fromEntries(
    line
      .split(';')
      .filter((it) => it.includes(':'))
      .map((it) => [it.slice(0, it.indexOf(':')).trim(), it.slice(it.indexOf(':') + 1).trim()] as const)
      .filter(([name]) => name !== ''),
  );

const namesOf = (line: string): Values =>
  Object.fromEntries(
    line
      .split(',')
      .map((it) => [it.trim(), null])
      .filter(([it]) => it !== ''),
  );

/** The certificates of the files named in place of PEM text, which is of many lines. */
export async function withFiles(fields: Values): Promise<Values> {
  const read = async ([name, value]: [string, unknown]): Promise<[string, unknown]> => {
    if (!/^(?:trustedCa|tokenTrustedCa)$/.test(name) || typeof value !== 'string') return [name, value];
    if (value === '' || value.includes('-----BEGIN')) return [name, value];
    const content = await readFile(value, 'utf8').catch((cause: NodeJS.ErrnoException) => {
      throw new TielineError('usage', `${value} cannot be read (${cause.code})`, { cause });
    });
    return [name, content];
  };
  return Object.fromEntries(await Promise.all(Object.entries(fields).map(read)));
}
