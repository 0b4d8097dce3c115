import { z } from 'zod';
import { jwtAlgorithm } from './signspec.ts';
import { expression } from './values.ts';

/** `{ $var: … }` and its kin, where an expression may stand. */
const formula = z.record(z.string().regex(/^\$[a-zA-Z]+$/), z.json());
const value = z.union([expression, formula]);
const parameters = z.record(z.string(), value);

const save = z.record(z.string(), expression).optional();

/** More that is kept of what a provider answered. */
export const saved = z.strictObject({
  account: save.describe('Facts about the account, no secrets, kept at connect: account.<name>.'),
  credentials: save.describe('Kept with each answer, as secrets: credentials.<name>.'),
});

/** A JWT that proves who asks, in place of a secret (RFC 7523). */
const assertion = z.strictObject({
  privateKey: value.describe('PEM or JWK.'),
  keyId: value.optional(),
  algorithm: jwtAlgorithm.default('RS256'),
  issuer: value.optional().describe('The client ID by default.'),
  subject: value.optional(),
  audience: value.optional().describe('tokenUri by default.'),
  ttl: z.number().int().min(1).max(3_600).default(300).describe('Seconds.'),
  claims: parameters.optional(),
});

/** How OAuth 2.0 endpoints are used (RFC 6749, RFC 7636). Every value may be an expression. */
export const oauthMapping = z.strictObject({
  clientId: value.optional().describe('Needed by all grants but jwt_bearer.'),
  clientSecret: value.optional(),
  authorizeUri: value.optional(),
  tokenUri: value,
  refreshUri: value.optional().describe('Where tokens are refreshed, if not at tokenUri.'),
  revokeUri: value.optional().describe('RFC 7009.'),
  deviceUri: value.optional().describe('RFC 8628. For the grant device_code.'),
  issuer: value
    .optional()
    .describe('For providers that add `iss` to their answers (RFC 9207): an answer with another, or none, is refused.'),
  scopes: z.union([value, z.array(expression)]).optional(),
  scopeSeparator: z.string().optional().describe('A space by default.'),
  clientAuthLocation: z
    .union([z.enum(['headers', 'body', 'both', 'private_key_jwt']), value])
    .optional()
    .describe('body by default.'),
  pkce: z.enum(['S256', 'off']).optional().describe('S256 by default.'),
  codeParam: z.string().min(1).optional().describe('What the callback calls the code. code by default.'),
  audience: value.optional().describe('Of the authorization and every token request.'),
  resource: value.optional().describe('RFC 8707. Of the authorization and every token request.'),
  extra: parameters.optional().describe('More parameters of the authorization request.'),
  extraToken: parameters.optional().describe('More parameters of every token request.'),
  extraRefresh: parameters.optional().describe('More parameters of refresh requests.'),
  tokenHeaders: parameters.optional(),
  tokenMethod: z.enum(['POST', 'GET']).optional().describe('POST by default; GET puts the parameters into the query.'),
  tokenBody: z.enum(['form', 'json', 'query']).optional().describe('form by default.'),
  trustedCa: value.optional().describe('PEM, for the token endpoints; empty means the usual authorities.'),
  noRefreshToken: z.boolean().optional().describe('Refresh tokens are neither asked for nor kept.'),
  tokenPath: expression.optional().describe('Over response: {{ response.body.authed_user.access_token }}.'),
  refreshTokenPath: expression.optional(),
  expiry: z
    .strictObject({
      in: expression.optional().describe('How long the token lives.'),
      at: expression.optional().describe('When it ends: a count since 1970 or a date.'),
      fixed: z.number().positive().optional().describe('How long every token lives.'),
      unit: z.enum(['s', 'ms']).default('s'),
    })
    .optional()
    .describe('For answers without expires_in.'),
  save: saved.optional().describe('Over response and, after a sign-in, callback: {{ callback.realmId }}.'),
  assertion: assertion.optional().describe('For jwt_bearer, and for clientAuthLocation private_key_jwt.'),
  username: value.optional().describe('For the grant password.'),
  password: value.optional(),
  subjectToken: value.optional().describe('For token_exchange (RFC 8693).'),
  subjectTokenType: value.optional().describe('urn:ietf:params:oauth:token-type:access_token by default.'),
  actorToken: value.optional(),
  actorTokenType: value.optional(),
  requestedTokenType: value.optional(),
});

/** How OAuth 1.0 endpoints are used (RFC 5849). */
export const oauth1Mapping = z.strictObject({
  consumerKey: value,
  consumerSecret: value.optional(),
  privateKey: value.optional().describe('PEM, for RSA-SHA1.'),
  requestTokenUri: value.optional(),
  authorizeUri: value.optional(),
  tokenUri: value.optional(),
  signatureMethod: z.enum(['HMAC-SHA1', 'HMAC-SHA256', 'RSA-SHA1', 'PLAINTEXT']).optional(),
  realm: value.optional(),
  place: z.enum(['header', 'query']).optional(),
  extra: parameters.optional().describe('More parameters of the authorization address.'),
});

export const grant = z.enum([
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'jwt_bearer',
  'password',
  'token_exchange',
  'device_code',
]);
export type Grant = z.infer<typeof grant>;
