import { z } from 'zod';
import { requestRule } from './actionspec.ts';
import { oauth1Mapping, oauthMapping } from './oauthspec.ts';
import { functionIn, isAsync } from './script.ts';
import { expression, tree } from './values.ts';

const javascript = z
  .string()
  .min(1)
  .transform(functionIn)
  .optional()
  .describe(
    'A function of { app, input, secrets, settings, credentials, account, … }, run in the sandbox. Unless the method runs for each request it may be async and `await http({ method, url | path, query, headers, json | form | text, followRedirects })`, which gives { status, headers, body }: at most ten requests to declared hosts.',
  );
const file = z
  .string()
  .regex(/^(?!\.)[\w.-]+(?:\/(?!\.)[\w.-]+)?\.m?js$/, 'is a .js file in the folder of the connector')
  .optional()
  .describe('A file in the folder of the connector that holds such a function, bare or as `export default`.');
const implementationType = z.enum(['mapping', 'javascript']).optional();
const written = { implementationType, javascript, file };

type Written = { implementationType?: string | undefined; javascript?: unknown; file?: unknown };

const forms = (it: Written & { mapping?: unknown; request?: unknown }, others: readonly unknown[]): number =>
  [it.javascript, it.file, ...others].filter((form) => form !== undefined).length;

/** What is given is of the kind that it says it is. */
const fits = (it: Written): boolean => {
  const isScript = it.javascript !== undefined || it.file !== undefined;
  return it.implementationType === undefined || (it.implementationType === 'javascript') === isScript;
};
const UNFIT = { path: ['implementationType'], error: 'is not what is given here' };

/** A method that is either values with expressions and formulas in them, or a function that gives such values. */
const method = <T extends z.ZodType>(mapping: T) =>
  z
    .strictObject({ ...written, mapping: mapping.optional() })
    .refine((it) => forms(it, [it.mapping]) === 1, 'needs either mapping, javascript or file')
    .refine(fits, UNFIT);

/** One that runs for each request, and so cannot wait. */
const immediate = <T extends z.ZodType>(mapping: T) =>
  method(mapping).refine((it) => it.javascript === undefined || !isAsync(it.javascript), {
    path: ['javascript'],
    error: 'is async, but the method runs for each request: it cannot wait and has no http',
  });

const credentials = method(z.record(z.string(), tree));

/** A request whose answer is made into values, or a function that makes the requests itself. */
const asking = z
  .strictObject({ ...written, request: requestRule.optional(), mapping: z.record(z.string(), tree).optional() })
  .refine((it) => forms(it, [it.mapping]) === 1, 'needs either mapping, javascript or file')
  .refine(fits, UNFIT);

/** A request, or a function that makes it. */
const probe = z.strictObject({ ...written, request: requestRule.optional() });
const isProbe = (it: z.infer<typeof probe>): boolean => forms(it, [it.request]) === 1;
const NO_PROBE = 'needs either request, javascript or file';

export const methods = z.strictObject({
  getOAuthConfig: immediate(oauthMapping)
    .optional()
    .describe(
      'Runs for each token request, without http. As JavaScript it gives no tokenPath, refreshTokenPath, expiry or save: getCredentialsFromAccessTokenResponse and getCredentialsFromRefreshTokenResponse read the answer then.',
    ),
  getOAuth1Config: immediate(oauth1Mapping).optional().describe('Runs for each request, without http.'),
  makeApiClient: immediate(
    z.strictObject({
      baseUri: tree.optional(),
      headers: z.record(z.string(), tree).optional(),
      query: z.record(z.string(), tree).optional(),
      auth: z.strictObject({ username: tree, password: tree.optional() }).optional(),
    }),
  )
    .optional()
    .describe('What every request of the API gets besides what the auth type adds. Without http.'),
  getCredentialsFromConnectionParameters: credentials
    .optional()
    .describe('What is kept of what the user typed. `expiresIn`: seconds.'),
  getCredentialsFromAccessTokenResponse: credentials
    .optional()
    .describe('What is kept of the first token response, also an accessToken and refreshToken. `expiresIn`: seconds.'),
  getCredentialsFromRefreshTokenResponse: credentials
    .optional()
    .describe('What is kept of a later token response, also an accessToken and refreshToken. `expiresIn`: seconds.'),
  refreshCredentials: asking
    .optional()
    .describe(
      'Gives new credentials, merged into the old ones; after a request, if there is one. `expiresIn`: seconds. A script ends it with `throw { code, message }`: reauthorization_required or refresh_failed.',
    ),
  getTokenData: asking
    .refine((it) => it.mapping === undefined || it.request !== undefined, {
      path: ['request'],
      error: 'is what the mapping reads the answer of',
    })
    .optional()
    .describe('Replaces the exchange of the code: sees callback, codeVerifier and redirectUri.'),
  test: probe
    .extend({ ok: expression.optional() })
    .refine(isProbe, NO_PROBE)
    .refine(fits, UNFIT)
    .refine((it) => it.ok === undefined || it.request !== undefined, { path: ['ok'], error: 'is for a request' })
    .optional()
    .describe(
      'Tells whether an account works; a function does so by what it gives, and its http signs requests for a `path` as the account. GET server.testPath by default.',
    ),
  revoke: probe
    .refine(isProbe, NO_PROBE)
    .refine(fits, UNFIT)
    .optional()
    .describe('Ends the account’s tokens at the provider.'),
});

export type AuthMethods = z.infer<typeof methods>;

/** Values with expressions in them, or a function that gives such values. */
export type Method = {
  readonly mapping?: unknown;
  /** The source, also that of `file` once it is read. */
  readonly javascript?: string | undefined;
  readonly file?: string | undefined;
};
