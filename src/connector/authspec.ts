import { z } from 'zod';
import { requestRule } from './actionspec.ts';
import { expression, jsonSchema, text, tree } from './values.ts';

const ui = z.strictObject({
  schema: jsonSchema.optional().describe('What the user types, as JSON Schema; `secret: true` hides a field.'),
  description: text.optional(),
  helpUri: z.url().optional(),
});

const mapping = z.strictObject({ mapping: z.record(z.string(), tree) });

/** How the OAuth endpoints are used (RFC 6749, RFC 7636). Every value may be an expression. */
const oauthConfig = z.strictObject({
  mapping: z.strictObject({
    clientId: expression,
    clientSecret: expression.optional(),
    authorizeUri: expression.optional(),
    tokenUri: expression,
    refreshUri: expression.optional().describe('Where tokens are refreshed, if not at tokenUri.'),
    revokeUri: expression.optional(),
    issuer: expression
      .optional()
      .describe(
        'For providers that add `iss` to their answers (RFC 9207): an answer with another, or none, is refused.',
      ),
    scopes: z.union([expression, z.array(expression)]).optional(),
    scopeSeparator: z.string().optional().describe('A space by default.'),
    clientAuthLocation: z.enum(['headers', 'body', 'both']).optional().describe('body by default.'),
    pkce: z.enum(['S256', 'off']).optional().describe('S256 by default.'),
    extra: z.record(z.string(), expression).optional().describe('More parameters of the authorization request.'),
    extraToken: z.record(z.string(), expression).optional().describe('More parameters of every token request.'),
    tokenHeaders: z.record(z.string(), expression).optional(),
  }),
});

const methods = z.strictObject({
  getOAuthConfig: oauthConfig.optional(),
  getCredentialsFromConnectionParameters: mapping.optional().describe('What is kept of what the user typed.'),
  test: z
    .strictObject({ request: requestRule, ok: expression.optional() })
    .optional()
    .describe('Tells whether an account works. GET server.testPath by default.'),
});

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
    in: z.enum(['header', 'query', 'cookie']).default('header'),
    name: text,
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
  z.strictObject({
    ...common,
    type: z.literal('oauth2'),
    grant: z.enum(['authorization_code', 'refresh_token', 'client_credentials']).default('authorization_code'),
    header: text.default('Authorization'),
    prefix: z.string().default('Bearer'),
    scopes: z.array(z.string()).default([]).describe('Asked for at the authorization endpoint.'),
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
export type AuthMethods = z.infer<typeof methods>;
export type OAuthMapping = z.infer<typeof oauthConfig>['mapping'];
