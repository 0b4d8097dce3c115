import { z } from 'zod';
import { requestRule } from './actionspec.ts';
import { oauth1Mapping, oauthMapping } from './oauthspec.ts';
import { expression, tree } from './values.ts';

const javascript = z
  .string()
  .min(1)
  .optional()
  .describe('An arrow function, run in the sandbox with { app, input, secrets, settings, credentials, account, … }.');
const implementationType = z.enum(['mapping', 'javascript']).optional();

/** A method that is either values with expressions and formulas in them, or a function that gives such values. */
const method = <T extends z.ZodType>(mapping: T) =>
  z
    .strictObject({ implementationType, mapping: mapping.optional(), javascript })
    .refine((it) => (it.mapping === undefined) !== (it.javascript === undefined), 'needs either mapping or javascript')
    .refine((it) => it.implementationType === undefined || it[it.implementationType] !== undefined, {
      path: ['implementationType'],
      error: 'is not what is given here',
    });

const credentials = method(z.record(z.string(), tree));

export const methods = z.strictObject({
  getOAuthConfig: method(oauthMapping).optional(),
  getOAuth1Config: method(oauth1Mapping).optional(),
  makeApiClient: method(
    z.strictObject({
      baseUri: tree.optional(),
      headers: z.record(z.string(), tree).optional(),
      query: z.record(z.string(), tree).optional(),
      auth: z.strictObject({ username: tree, password: tree.optional() }).optional(),
    }),
  )
    .optional()
    .describe('What every request of the API gets besides what the auth type adds.'),
  getCredentialsFromConnectionParameters: credentials.optional().describe('What is kept of what the user typed.'),
  getCredentialsFromAccessTokenResponse: credentials.optional().describe('What is kept of the first token response.'),
  getCredentialsFromRefreshTokenResponse: credentials.optional().describe('What is kept of a later token response.'),
  refreshCredentials: z
    .strictObject({
      request: requestRule.optional(),
      implementationType,
      mapping: z.record(z.string(), tree).optional(),
      javascript,
    })
    .refine((it) => (it.mapping === undefined) !== (it.javascript === undefined), 'needs either mapping or javascript')
    .optional()
    .describe(
      'Gives new credentials, merged into the old ones; after a request, if there is one. `expiresIn`: seconds.',
    ),
  getTokenData: z
    .strictObject({
      request: requestRule,
      implementationType,
      mapping: z.record(z.string(), tree).optional(),
      javascript,
    })
    .optional()
    .describe('Replaces the exchange of the code: sees callback, codeVerifier and redirectUri.'),
  test: z
    .strictObject({ request: requestRule, ok: expression.optional() })
    .optional()
    .describe('Tells whether an account works. GET server.testPath by default.'),
  revoke: z.strictObject({ request: requestRule }).optional().describe('Ends the account’s tokens at the provider.'),
});

export type AuthMethods = z.infer<typeof methods>;

/** Values with expressions in them, or a function that gives such values. */
export type Method = { readonly mapping?: unknown; readonly javascript?: string | undefined };
