import type { Grant } from '../connector/oauthspec.ts';
import { TielineError } from '../errors.ts';
import { signAssertion } from './assertion.ts';
import type { OAuthConfig } from './oauthconfig.ts';

/** Grants that need nobody: what they are asked with is in the settings and can be asked again. */
export const ownGrants = {
  client_credentials: {
    type: 'client_credentials',
    parameters: async () => ({}),
  },
  jwt_bearer: {
    type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    parameters: async (config, now) => ({ assertion: await signAssertion(config, now, 'grant') }),
  },
  password: {
    type: 'password',
    parameters: async ({ username, password }) => ({
      username: needed(username, 'username'),
      password: needed(password, 'password'),
    }),
  },
  token_exchange: {
    type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    parameters: async (config) => ({
      subject_token: needed(config.subjectToken, 'subjectToken'),
      subject_token_type: config.subjectTokenType ?? ACCESS_TOKEN,
      ...(config.actorToken && {
        actor_token: config.actorToken,
        actor_token_type: config.actorTokenType ?? ACCESS_TOKEN,
      }),
      ...(config.requestedTokenType && { requested_token_type: config.requestedTokenType }),
    }),
  },
} satisfies Partial<Record<Grant, OwnGrant>>;

export type OwnGrant = {
  readonly type: string;
  parameters(config: OAuthConfig, now: number): Promise<Readonly<Record<string, string>>>;
};

/** Undefined for grants that a person or a pasted refresh token begins. */
export function ownGrant(grant: Grant): OwnGrant | undefined {
  return grant in ownGrants ? ownGrants[grant as keyof typeof ownGrants] : undefined;
}

/** RFC 8693 §3. */
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

function needed(value: string | undefined, name: string): string {
  if (value) return value;
  throw new TielineError('reauthorization_required', `the ${name} is missing`, { hint: 'Connect the account again.' });
}
