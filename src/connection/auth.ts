import { hostOf } from '../connector/host.ts';
import type { Values } from '../connector/values.ts';
import { parseJson } from '../json.ts';
import { soundsSecret } from './literal.ts';
import { type Connection, isOwn, isSecretField, type OwnAuth } from './spec.ts';
import { fieldsOf, namesIn, splitPath, withPlaces } from './template.ts';

/** The one auth option of a connection, under a key that stays when its type is changed. */
export const OPTION = 'connection';

export type Made = {
  /** An auth option of the definition format. */
  readonly option: Values;
  /** Hosts that are asked for tokens. */
  readonly hosts: readonly string[];
};

/** How requests are authenticated, in the definition format. What the user typed is in `input` and `secrets` there. */
export function optionOf(connection: Connection): Made {
  const { auth } = connection;
  const found = namesIn(isOwn(auth) ? requestParts(auth) : {});
  const { secrets, parameters } = connection;
  const place = placeOf(
    [...Object.keys(secrets), ...found.filter(soundsSecret)],
    [...Object.keys(parameters), ...found],
  );
  if (!isOwn(auth)) {
    const { type, title = type, ui, ...rest } = auth;
    const hasOwn = ui === undefined && Object.keys({ ...secrets, ...parameters }).length > 0;
    const form = hasOwn ? { schema: formFor(connection, found, {}) } : ui;
    const option = { title, type, ...(form !== undefined && { ui: form }), ...(withPlaces(rest, place) as Values) };
    return { option, hosts: hostsIn(rest) };
  }
  const { type, title, typed, ...rest } = FORMS[auth.type](auth as never);
  const ui = { schema: formFor(connection, found, typed ?? {}) };
  return { option: { title, type, ui, ...(withPlaces(rest, place) as Values) }, hosts: tokenHosts(auth) };
}

/** Where a name in braces is found: what the user declared first, then what was found by looking. */
export const placeOf =
  (secrets: readonly string[], inputs: readonly string[]) =>
  (name: string): string | undefined =>
    secrets.includes(name) ? `secrets.${name}` : inputs.includes(name) ? `input.${name}` : undefined;

type Field = { readonly title: string; readonly secret?: boolean; readonly optional?: boolean };
type Form = { readonly type: string; readonly title: string; readonly typed?: Readonly<Record<string, Field>> };
type Of<T extends OwnAuth['type']> = Extract<OwnAuth, { type: T }>;

const FORMS: { readonly [T in OwnAuth['type']]: (auth: Of<T>) => Form & Values } = {
  none: () => ({ type: 'none', title: 'No authentication' }),
  basic: () => ({
    type: 'basic',
    title: 'User name and password',
    typed: { username: { title: 'User name' }, password: { title: 'Password', secret: true, optional: true } },
  }),
  raw_bearer_token: ({ header, prefix }) => ({
    type: 'bearer',
    title: 'Token',
    typed: { token: { title: 'Token', secret: true } },
    header,
    prefix,
  }),
  api_key: ({ in: place, name, prefix }) => ({
    type: 'api_key',
    title: 'API key',
    typed: { apiKey: { title: 'API key', secret: true } },
    in: place,
    name,
    prefix,
  }),
  http_bearer_token: (auth) => ({
    type: 'token_request',
    title: 'Token by request',
    header: auth.header,
    prefix: auth.prefix,
    request: {
      ...requestParts(auth),
      followRedirects: auth.followRedirect,
      ...(auth.streamResponse && { stream: true }),
      ...(auth.includeEmptyParams && { includeEmpty: true }),
    },
    outputs: {
      token: expressionOf(auth.outputs.token),
      ...(auth.outputs.expiration !== undefined && { expiration: expressionOf(auth.outputs.expiration) }),
    },
  }),
  client_credentials: ({ tokenUrl, clientAuth, scope, trustedCa }) => ({
    type: 'oauth2',
    title: 'OAuth 2.0 client credentials',
    typed: {
      clientId: { title: 'Client ID' },
      clientSecret: { title: 'Client secret', secret: true, optional: true },
    },
    grant: 'client_credentials',
    methods: {
      getOAuthConfig: {
        mapping: {
          clientId: '{{ input.clientId }}',
          clientSecret: '{{ secrets.clientSecret }}',
          tokenUri: tokenUrl,
          clientAuthLocation: clientAuth === 'basic_auth' ? 'headers' : 'body',
          ...(scope !== undefined && { scopes: scope.split(/\s+/) }),
          ...(trustedCa !== undefined && { trustedCa }),
        },
      },
    },
  }),
};

/** The token request, before its names are put in their places. Nothing for the other types. */
function requestParts(auth: OwnAuth): Values {
  if (auth.type !== 'http_bearer_token') return {};
  const { method, params, headers, body, tokenBaseUrl, tokenTrustedCa } = auth;
  const { path, query } = splitPath(auth.path);
  return {
    method,
    ...(tokenBaseUrl !== undefined && { baseUrl: tokenBaseUrl }),
    path,
    query: { ...query, ...params },
    headers,
    ...bodyOf(body, headers),
    ...(tokenTrustedCa !== undefined && { trustedCa: tokenTrustedCa }),
  };
}

type Body = Of<'http_bearer_token'>['body'];

function bodyOf(body: Body, headers: Readonly<Record<string, string>>): Values {
  if (body?.form !== undefined) return { form: typeof body.form === 'string' ? fieldsOf(body.form) : body.form };
  if (body?.raw === undefined) return {};
  if (typeof body.raw !== 'string') return { json: body.raw };
  const json = jsonOf(body.raw);
  if (json !== undefined) return { json };
  const contentType = Object.entries(headers).find(([name]) => /^content-type$/i.test(name))?.[1];
  return { text: body.raw, contentType: contentType ?? 'application/json' };
}

const withQuotes = (text: string): string =>
  text.replace(/\{\{\s*[A-Za-z_]\w*\s*\}\}/g, (name, at: number) => {
    let before = at - 1;
    while (/\s/.test(text.charAt(before))) before--;
    return /[:[,]/.test(text.charAt(before)) ? `"${name}"` : name;
  });

/** JSON whose names in braces may also stand without quotes, where a number or an object goes. */
function jsonOf(text: string): unknown {
  for (const candidate of [text, withQuotes(text)]) {
    try {
      return parseJson(candidate);
    } catch {
      // the next one, or text it is
    }
  }
  return undefined;
}

const expressionOf = (javascript: string): string =>
  javascript.includes('{{') ? javascript : `{{ ${javascript.trim().replace(/;$/, '')} }}`;

/** What a user is asked for: the fields of the type, then secrets and parameters, those found in the request included. */
function formFor(connection: Connection, found: readonly string[], typed: NonNullable<Form['typed']>): Values {
  const { secrets, parameters } = connection;
  const named = [...new Set([...Object.keys(secrets), ...Object.keys(parameters), ...found])];
  const isSecret = (name: string) => Object.hasOwn(secrets, name) || soundsSecret(name);
  const typeOf = (name: string) => {
    const value = parameters[name];
    return value === undefined ? 'string' : typeof value;
  };
  const fields = Object.entries(typed);
  return {
    type: 'object',
    required: [
      ...fields.filter(([, it]) => !it.optional).map(([name]) => name),
      ...named.filter((it) => !Object.hasOwn(typed, it)),
    ],
    properties: Object.fromEntries([
      ...named.map((it) => [it, { type: typeOf(it), title: it, ...(isSecret(it) && { secret: true }) }]),
      ...fields.map(([it, { title, secret }]) => [it, { type: 'string', title, ...(secret && { secret }) }]),
    ]),
  };
}

/** What of a connection is an account's own: it goes to the keystore, with its secrets. */
export function inputOf({ auth, secrets, parameters }: Connection): Values {
  const own = isOwn(auth)
    ? Object.entries(auth).filter(([name]) => name === 'username' || name === 'clientId' || isSecretField(name))
    : [];
  const all = [...Object.entries(parameters), ...Object.entries(secrets), ...own];
  return Object.fromEntries(all.filter(([, value]) => value !== null && value !== undefined));
}

function tokenHosts(auth: OwnAuth): string[] {
  const address =
    auth.type === 'http_bearer_token'
      ? auth.tokenBaseUrl
      : auth.type === 'client_credentials'
        ? auth.tokenUrl
        : undefined;
  const host = hostOf(address);
  return host === undefined ? [] : [host];
}

/** The hosts of all addresses that an option writes out. */
function hostsIn(tree: unknown): string[] {
  if (typeof tree === 'string') return [hostOf(tree)].filter((it) => it !== undefined);
  return tree === null || typeof tree !== 'object' ? [] : [...new Set(Object.values(tree).flatMap(hostsIn))];
}
