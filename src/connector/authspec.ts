import { z } from 'zod';
import { duration } from '../duration.ts';
import { needsStream, transfer } from './actionspec.ts';
import { methods } from './methodspec.ts';
import { grant, saved } from './oauthspec.ts';
import { digest, hmac, hostToken, jwt, mtls, sigv4, wsse } from './signspec.ts';
import { expression, jsonSchema, text, tree } from './values.ts';

const ui = z.strictObject({
  schema: jsonSchema.optional().describe('What the user types, as JSON Schema; `secret: true` hides a field.'),
  description: text.optional(),
  helpUri: z.url().optional(),
});

/** A request that gets a token. It carries nothing but what it says itself. */
const tokenRequest = z
  .strictObject({
    method: z.enum(['GET', 'POST', 'PUT', 'PATCH']).default('POST'),
    baseUrl: expression.optional().describe('Where the path begins; that of the API by default. Its host is declared.'),
    path: expression.optional(),
    url: expression.optional(),
    query: z.record(z.string(), tree).default({}),
    headers: z.record(z.string(), expression).default({}),
    json: tree.optional(),
    form: z.record(z.string(), tree).optional(),
    text: expression.optional(),
    contentType: z.string().optional(),
    followRedirects: z.boolean().default(false),
    ...transfer,
    trustedCa: expression.optional().describe('PEM, for another host than that of the API; empty means the usual.'),
  })
  .refine(needsStream, { path: ['until'], error: 'needs stream' })
  .refine((it) => (it.path === undefined) !== (it.url === undefined), 'needs either path or url')
  .refine(
    (it) => [it.json, it.form, it.text].filter((body) => body !== undefined).length <= 1,
    'has more than one body',
  );

const common = {
  title: text,
  ui: ui.prefault({}),
  methods: methods.prefault({}),
};

const option = z.discriminatedUnion('type', [
  z.strictObject({ ...common, type: z.literal('none') }),
  z.strictObject({
    ...common,
    type: z.literal('api_key'),
    in: z
      .enum(['header', 'query', 'cookie', 'body', 'path'])
      .default('header')
      .describe('path: in place of `:name` in the path. body: a field of the form or JSON object, not of GET.'),
    name: text.regex(/^[^\s()*+?[\]\\^|]+$/, 'holds what no name can hold'),
    prefix: z.string().default(''),
    value: expression.default('{{ credentials.apiKey }}'),
  }),
  z.strictObject({
    ...common,
    type: z.literal('basic'),
    username: expression.default('{{ credentials.username }}'),
    password: expression.default("{{ credentials.password ?? '' }}"),
  }),
  z.strictObject({
    ...common,
    type: z.literal('bearer'),
    header: text.default('Authorization'),
    prefix: z.string().default('Bearer'),
    token: expression.default('{{ credentials.token }}'),
  }),
  z
    .strictObject({
      ...common,
      type: z.literal('token_request'),
      header: text.default('Authorization'),
      prefix: z.string().default('Bearer'),
      request: tokenRequest.optional(),
      steps: z
        .array(z.strictObject({ id: z.string().regex(/^[a-z][a-zA-Z0-9_]{0,31}$/), request: tokenRequest }))
        .min(1)
        .optional()
        .describe('Several requests; each sees the answers of those before it as steps.<id>.'),
      outputs: z
        .strictObject({
          token: expression,
          expiration: expression.optional().describe('Seconds.'),
          save: saved.optional(),
        })
        .describe('Expressions over response, or over body, statusCode and headers of the last answer.'),
      ttl: duration.optional().describe('How long a token lives when no answer says. Until a 401 by default.'),
    })
    .refine((it) => (it.request === undefined) !== (it.steps === undefined), 'needs either request or steps'),
  z.strictObject({
    ...common,
    type: z.literal('oauth2'),
    grant: grant.default('authorization_code'),
    header: text.default('Authorization'),
    prefix: z.string().default('Bearer'),
    scopes: z.array(z.string()).default([]).describe('Asked for at the authorization endpoint.'),
  }),
  z.strictObject({
    ...common,
    type: z.literal('oauth1'),
    token: expression.default('{{ credentials.token }}'),
    tokenSecret: expression.default('{{ credentials.tokenSecret }}'),
  }),
  jwt.extend(common),
  sigv4.extend(common),
  hmac.safeExtend(common),
  digest.extend(common),
  wsse.extend(common),
  mtls.extend(common),
  hostToken.extend(common),
  z.strictObject({
    ...common,
    type: z.literal('proxy'),
    connector: z
      .string()
      .regex(/^[a-z][a-z0-9_]{0,23}$/)
      .describe('Whose accounts authenticate the requests, at hosts that both connectors declare.'),
  }),
]);

export const auth = z
  .strictObject({
    default: z.string().optional().describe('The option used when none is named. The first by default.'),
    methods: methods.prefault({}).describe('Shared by all options; an option may replace any of them.'),
    options: z.record(z.string().regex(/^[a-z][a-z0-9_]{0,23}$/), option),
  })
  .refine((it) => Object.keys(it.options).length > 0, 'needs at least one option')
  .refine((it) => it.default === undefined || Object.hasOwn(it.options, it.default), {
    path: ['default'],
    error: 'names an option that is not there',
  });

export type AuthOptionSpec = z.infer<typeof option>;
export type TokenRequest = z.infer<typeof tokenRequest>;
export type { AuthMethods, Method } from './methodspec.ts';
