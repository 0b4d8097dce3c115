import { z } from 'zod';
import { expression, text } from './values.ts';

export const jwtAlgorithm = z.enum(['HS256', 'HS384', 'HS512', 'RS256', 'PS256', 'ES256', 'EdDSA']);
const keyEncoding = z.enum(['utf8', 'hex', 'base64', 'base64url']).default('utf8').describe('Of a shared secret.');

/** Options that sign each request, by type. */
export const jwt = z.strictObject({
  type: z.literal('jwt'),
  header: text.default('Authorization'),
  prefix: z.string().default('Bearer'),
  algorithm: jwtAlgorithm,
  key: expression.describe('A shared secret, PEM or JWK.'),
  keyEncoding,
  keyId: expression.optional(),
  issuer: expression.optional(),
  subject: expression.optional(),
  audience: expression.optional(),
  ttl: z.number().int().min(1).max(86_400).default(60).describe('Seconds.'),
  claims: z
    .record(z.string(), z.json())
    .default({})
    .describe('May also use request.method, request.url, request.body.'),
});

export const hostToken = z.strictObject({
  type: z.literal('host_token'),
  header: text.default('Authorization'),
  prefix: z.string().default('Bearer'),
  audience: expression.optional().describe('The origin of the request by default. The host of an address is declared.'),
  ttl: z.number().int().min(1).max(86_400).default(60).describe('Seconds.'),
  claims: z
    .record(z.string(), z.json())
    .default({})
    .describe('Beside sub and organization. May also use user.id, user.organization, request.method, request.url …'),
});

export const sigv4 = z.strictObject({
  type: z.literal('sigv4'),
  accessKeyId: expression.default('{{ credentials.accessKeyId }}'),
  secretAccessKey: expression.default('{{ credentials.secretAccessKey }}'),
  sessionToken: expression.default('{{ credentials.sessionToken }}'),
  region: expression,
  service: expression.describe('As in the credential scope: s3, execute-api, ses …'),
});

export const hmac = z
  .strictObject({
    type: z.literal('hmac'),
    algorithm: z.enum(['md5', 'sha1', 'sha256', 'sha512']).default('sha256'),
    key: expression.default('{{ credentials.secret }}'),
    keyEncoding,
    content: expression.describe(
      'What is signed: request.method, .path, .query, .url, .host, .body, timestamp, nonce.',
    ),
    encoding: z.enum(['hex', 'base64', 'base64url']).default('hex'),
    prefix: expression.default(''),
    header: text.optional(),
    query: text.optional(),
    headers: z
      .record(z.string(), expression)
      .default({})
      .describe('More headers, set before the signature: a key ID, {{ timestamp }} (seconds), {{ nonce }}.'),
  })
  .refine((it) => (it.header === undefined) !== (it.query === undefined), 'needs either header or query');

export const digest = z.strictObject({
  type: z.literal('digest'),
  username: expression.default('{{ credentials.username }}'),
  password: expression.default("{{ credentials.password ?? '' }}"),
});

export const wsse = z.strictObject({
  type: z.literal('wsse'),
  username: expression.default('{{ credentials.username }}'),
  password: expression.default('{{ credentials.password }}'),
  base64Nonce: z.boolean().default(false),
});

export const mtls = z.strictObject({
  type: z.literal('mtls'),
  cert: expression.default('{{ credentials.cert }}').describe('PEM of the certificate and its chain.'),
  key: expression.default('{{ credentials.key }}').describe('PEM of the private key.'),
  passphrase: expression.default('{{ credentials.passphrase }}'),
});
