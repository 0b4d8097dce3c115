import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { explain, nameOf } from '../connector/problem.ts';
import { text } from '../connector/values.ts';
import { TielineError } from '../errors.ts';
import { findLiteralSecret, soundsSecret } from './literal.ts';

/** What a user enters of an HTTP API. Null stands for a secret that is kept in the keystore. */
const secret = z.string().min(1).nullish();
const header = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~\w-]+$/, 'is no name of a header')
  .default('Authorization');
const prefix = z.string().default('Bearer');
const fields = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]));

const pem = z
  .string()
  .refine((it) => !it.includes('PRIVATE KEY'), 'holds a private key: give certificates only')
  .refine(isCertificate, 'is no certificate in PEM, from -----BEGIN to -----END');

const address = z
  .string()
  .refine((it) => /^https?:\/\//i.test(it) && URL.canParse(it), 'is no web address such as https://api.example.com')
  .refine((it) => !/[{}\s]/.test(it), 'holds a brace or a blank')
  .refine((it) => !/[?#]/.test(it), 'cannot hold ? or #')
  .refine((it) => !hasUser(it), 'cannot hold a user name or password: give them under auth')
  .transform((it) => withoutSlashes(it));

const tokenAddress = z.url({ protocol: /^https?$/ }).refine((it) => !/[{}]/.test(it), 'holds a brace');

const path = text
  .refine((it) => !/[#\\\p{Cc}]/u.test(it), 'cannot hold # \\ or control characters')
  .refine((it) => !/(?:^|\/)(?:\.|%2e){1,2}(?:[/?]|$)/i.test(it), 'cannot hold the segments . and ..');

const auth = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('none') }),
  z.strictObject({ type: z.literal('basic'), username: text, password: secret }),
  z.strictObject({
    type: z.literal('http_bearer_token'),
    header,
    prefix,
    method: z.enum(['GET', 'POST', 'PUT', 'PATCH']).default('POST'),
    path,
    params: fields.default({}),
    headers: z.record(z.string(), z.string()).default({}),
    body: z
      .strictObject({ form: z.union([fields, text]).optional(), raw: z.json().optional() })
      .refine((it) => it.form === undefined || it.raw === undefined, 'has form or raw, not both')
      .optional(),
    outputs: z.strictObject({ token: text, expiration: text.optional() }),
    followRedirect: z.boolean().default(false),
    streamResponse: z.boolean().default(false),
    includeEmptyParams: z.boolean().default(false),
    tokenBaseUrl: address.optional(),
    tokenTrustedCa: pem.optional(),
  }),
  z.strictObject({ type: z.literal('raw_bearer_token'), header, prefix, token: secret }),
  z.strictObject({
    type: z.literal('api_key'),
    in: z.enum(['header', 'query', 'cookie', 'body', 'path']).default('header'),
    name: text.default('X-Api-Key'),
    prefix: z.string().default(''),
    apiKey: secret,
  }),
  z.strictObject({
    type: z.literal('client_credentials'),
    tokenUrl: tokenAddress,
    clientId: text,
    clientSecret: secret,
    clientAuth: z.enum(['basic_auth', 'www_form_urlencoded']).default('www_form_urlencoded'),
    scope: text.optional(),
    trustedCa: pem.optional(),
  }),
]);

/** The types that have fields of their own here; every other one is an auth option of the definition format. */
export const OWN_TYPES = auth.options.map((it) => it.shape.type.value);

const name = z.string().regex(/^[A-Za-z_]\w{0,63}$/, 'is made of letters, digits and _');
const key = z.string().regex(/^[a-z][a-z0-9_]{0,31}$/, 'is made of small letters, digits and _');

const connectionWith = <T extends z.ZodType>(authentication: T) =>
  z.strictObject({
    name: text.max(80),
    connector: z
      .string()
      .regex(/^[a-z][a-z0-9_]{0,23}$/, 'begins with a small letter and has up to 24 of a-z, 0-9 and _')
      .optional()
      .describe('How commands and tools call it. Made of the name by default.'),
    description: text.optional(),
    documentationLink: z.url({ protocol: /^https?$/ }).optional(),
    baseUrl: address,
    testPath: path.refine((it) => !it.includes('{{'), 'is fixed: no {{ }}').optional(),
    trustedCa: pem.optional(),
    auth: authentication,
    secrets: z.record(name, secret).default({}),
    parameters: z.record(name, z.union([z.string(), z.number(), z.boolean()])).default({}),
    actions: z.record(key, z.record(key, z.looseObject({}))).default({}),
    lockVersion: z.number().int().min(1).optional(),
  });

const own = connectionWith(auth);
const other = connectionWith(z.looseObject({ type: text }));

export type OwnAuth = z.infer<typeof auth>;
export type Connection = Omit<z.infer<typeof own>, 'connector' | 'auth'> & {
  readonly connector: string;
  readonly auth: OwnAuth | z.infer<typeof other>['auth'];
};

/** The fields of `auth` that go to the keystore, of the types that have fields of their own here. */
const SECRET_FIELDS: readonly string[] = ['password', 'token', 'apiKey', 'clientSecret'];
export const isSecretField = (name: string): boolean => SECRET_FIELDS.includes(name);

export const isOwn = (it: Connection['auth']): it is OwnAuth => (OWN_TYPES as readonly string[]).includes(it.type);

/** What a user gave, checked. Throws `arguments_invalid` that names each field at fault and never shows its value. */
export function readConnection(given: unknown): Connection {
  const value = withoutBlanks(given);
  const type = (value as { auth?: { type?: unknown } } | null)?.auth?.type;
  const isOther = typeof type === 'string' && !(OWN_TYPES as readonly string[]).includes(type);
  const parsed = (isOther ? other : own).safeParse(value);
  if (!parsed.success) {
    const keysAt = (at: readonly PropertyKey[]) => (at.length === 0 ? Object.keys(own.shape) : []);
    throw unfit(explain(parsed.error, value, keysAt).map((it) => it.message));
  }
  const connection = { ...parsed.data, connector: parsed.data.connector ?? slug(parsed.data.name) } as Connection;
  const problems = problemsOf(connection);
  if (problems.length > 0) throw unfit(problems);
  return connection;
}

function problemsOf({ connector, baseUrl, trustedCa, auth, secrets, parameters, actions }: Connection): string[] {
  const problems: string[] = [];
  const complain = (at: string, message: string) => problems.push(`${nameOf([at])}: ${message}`);
  if (connector === '') complain('connector', 'is needed, as none can be made of the name');
  if (trustedCa !== undefined && !baseUrl.startsWith('https:')) complain('trustedCa', 'is for https only');
  for (const it of Object.keys(parameters)) {
    if (Object.hasOwn(secrets, it)) complain(`parameters.${it}`, 'is among secrets too');
    else if (soundsSecret(it)) complain(`parameters.${it}`, 'sounds secret: put it under secrets');
  }
  for (const [at, it] of [
    ['auth', isOwn(auth) ? Object.fromEntries(Object.entries(auth).filter(([it]) => !isSecretField(it))) : auth],
    ['actions', actions],
  ] as const) {
    const found = findLiteralSecret(it, [at]);
    if (found) complain(found.join('.'), 'is a secret: put it under secrets, and write {{its_name}} here');
  }
  return problems;
}

export const unfit = (problems: readonly string[]): TielineError =>
  new TielineError('arguments_invalid', ['the connection is not right:', ...problems].join('\n'), {
    hint: 'Correct it and try again; nothing was changed.',
  });

/** Fields that were left blank were not given: but for a prefix, which may be empty, and secrets, which null keeps. */
function withoutBlanks(given: unknown): unknown {
  if (!isMapping(given)) return given;
  const kept = (it: Readonly<Record<string, unknown>>) =>
    Object.entries(it).filter(([key, value]) => value !== null && (value !== '' || key === 'prefix'));
  const { auth: authentication, ...rest } = given;
  return Object.fromEntries([
    ...kept(rest),
    ...(authentication === undefined || authentication === null
      ? [['auth', { type: 'none' }]]
      : [['auth', isMapping(authentication) ? Object.fromEntries(kept(authentication)) : authentication]]),
  ]);
}

const isMapping = (it: unknown): it is Record<string, unknown> =>
  it !== null && typeof it === 'object' && !Array.isArray(it);

/** Without those at the end: an expression would begin to look for it at each. */
function withoutSlashes(url: string): string {
  let end = url.length;
  while (url[end - 1] === '/') end--;
  return url.slice(0, end);
}

/** A name as tool names take it; empty when nothing of it can stand in one. */
function slug(title: string): string {
  const plain = title.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  const words = plain
    .replace(/[^a-z0-9]+/g, ' ')
    .trim()
    .replaceAll(' ', '_');
  return (/^\d/.test(words) ? `api_${words}` : words).slice(0, 24).replace(/_$/, '');
}

function isCertificate(pemText: string): boolean {
  try {
    return new X509Certificate(pemText.replaceAll('\\n', '\n')).subject !== undefined;
  } catch {
    return false;
  }
}

function hasUser(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { username, password } = new URL(address);
  return username !== '' || password !== '';
}
