import { generateKeyPairSync } from 'node:crypto';
import type Provider from 'oidc-provider';
import type { Configuration } from 'oidc-provider';
import { SIGN_IN } from './consent.ts';
import type { Person } from './data.ts';
import type { Grants } from './grants.ts';
import { failurePage, PAGE_HEADERS } from './page.ts';

export const DEFAULT_SCOPE = 'read write';

export type ProviderOptions = {
  /** Where the provider is mounted: `http://127.0.0.1:PORT/oauth`. */
  readonly issuer: string;
  readonly client: { readonly id: string; readonly secret: string };
  readonly people: readonly Person[];
  readonly grants: Grants;
  /** Seconds. */
  readonly accessTokenTtl: number;
};

const DAY = 24 * 60 * 60;

/** A real OAuth 2 provider: code flow with PKCE, rotating refresh tokens whose reuse ends the family, client credentials. */
export function createProvider(OidcProvider: typeof Provider, options: ProviderOptions): Provider {
  const provider = new OidcProvider(options.issuer, configuration(options));
  provider.Client.prototype.redirectUriAllowed = isLoopbackCallback;
  return provider;
}

/**
 * True for `/callback` and `/callback/<name>` on a loopback host, whatever the port (RFC 8252 §7.3: a native client
 * listens where it can).
 */
export function isLoopbackCallback(uri: string): boolean {
  return /^http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)(?::\d{1,5})?\/callback(?:\/[\w-]+)?$/.test(uri);
}

function configuration({ client, people, grants, accessTokenTtl, issuer }: ProviderOptions): Configuration {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    adapter: (model) => grants.adapter(model),
    clients: [
      {
        client_id: client.id,
        client_secret: client.secret,
        client_name: 'Tieline',
        application_type: 'native',
        grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
        redirect_uris: ['http://127.0.0.1/callback'],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post'],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] },
    routes: {
      authorization: '/authorize',
      token: '/token',
      revocation: '/revoke',
      userinfo: '/userinfo',
    },
    scopes: ['openid', 'offline_access', ...DEFAULT_SCOPE.split(' ')],
    claims: { openid: ['sub'], profile: ['name'], email: ['email'] },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: async (_, requester) => requester.grantTypeAllowed('refresh_token'),
    // Without offline_access tokens would end with the browser session, which nobody has here.
    expiresWithSession: async () => false,
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      revocation: {
        enabled: true,
        allowedPolicy: async (_, requester, token) => requester.clientId === token.clientId,
      },
      userinfo: { enabled: true },
      rpInitiatedLogout: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      resourceIndicators: { enabled: false },
      dPoP: { enabled: false },
    },
    ttl: {
      AccessToken: accessTokenTtl,
      ClientCredentials: accessTokenTtl,
      IdToken: accessTokenTtl,
      AuthorizationCode: 60,
      Interaction: 600,
      Session: 1,
      Grant: 30 * DAY,
      RefreshToken: 30 * DAY,
    },
    // Never sent back by a browser: nobody stays signed in, so one browser can link several accounts.
    cookies: { long: { path: `${new URL(issuer).pathname}/nobody-stays-signed-in` } },
    interactions: { url: async (_, interaction) => `${SIGN_IN}/${interaction.uid}` },
    findAccount: async (_, id) => accountOf(people.find((person) => person.id === id)),
    // The library's own versions of these two write a notice to stdout when they are first used.
    clientBasedCORS: () => false,
    renderError: async (ctx, out) => {
      ctx.type = 'html';
      ctx.set(PAGE_HEADERS);
      ctx.body = String(await failurePage(`${out.error}: ${out.error_description ?? 'no details'}`));
    },
  };
}

function accountOf(person: Person | undefined) {
  if (!person) return undefined;
  const { id, name, email } = person;
  return { accountId: id, claims: async () => ({ sub: id, name, email }) };
}

let loading: Promise<typeof Provider> | undefined;

/** Loads oidc-provider once, and only when a sandbox is started: it takes a third of a second. */
export function loadProvider(): Promise<typeof Provider> {
  loading ??= importQuietly();
  return loading;
}

/**
 * Leaves out the library's notice about Node 20 ("Unsupported runtime"), under which it works: the tests of this folder
 * say so. Every other warning passes.
 */
async function importQuietly(): Promise<typeof Provider> {
  const { warn } = console;
  console.warn = (...args: unknown[]) => {
    if (!String(args[0]).includes('oidc-provider WARNING: Unsupported runtime')) warn(...args);
  };
  try {
    return (await import('oidc-provider')).default;
  } finally {
    console.warn = warn;
  }
}
