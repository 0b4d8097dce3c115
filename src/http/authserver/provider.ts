import { generateKeyPairSync } from 'node:crypto';
import type Provider from 'oidc-provider';
import type { AdapterPayload, ClientMetadata, Configuration, errors as Errors } from 'oidc-provider';
import { TielineError } from '../../errors.ts';
import { supportedScopes } from '../../execute/policy.ts';
import { readGrant } from '../../integration/grant.ts';
import { readUser } from '../../integration/user.ts';
import { log } from '../../log.ts';
import type { Backend, RegisteredClient } from '../context.ts';
import { mcpUrl } from '../mcpcaller.ts';
import { openRequestLimit } from '../ratelimit.ts';
import { ACCESS_TOKEN_TTL, signAccessTokens } from './accesstoken.ts';
import { accountOf, createAdapter } from './adapter.ts';
import { readClientMetadata } from './client.ts';
import { clientDocuments } from './clientdocument.ts';
import { AUTH_METHODS, PATHS } from './metadata.ts';

type Library = { readonly Provider: typeof Provider; readonly errors: typeof Errors };

/** Where a person decides about an authorization request, by its uid. */
export const CONSENT = '/consent';

const DAY = 24 * 60 * 60;
/** Codes and refresh tokens of one grant that are used in a minute. */
const MOST_USES = 60;

let loading: Promise<Library> | undefined;

/** Loads the library, once: that takes a third of a second, in which nobody else is served. */
export function loadLibrary(): Promise<Library> {
  loading ??= loadQuietly();
  return loading;
}

/**
 * The authorization server of a backend, made when it is first asked for. Throws `config_invalid` at once for clients
 * that cannot be.
 */
export function lazyProvider(backend: Backend): () => Promise<Provider> {
  const clients = (backend.clients ?? []).map(registered);
  let provider: Promise<Provider> | undefined;
  return () => {
    provider ??= loadLibrary().then((library) => createProvider(library, backend, clients));
    return provider;
  };
}

function createProvider(library: Library, backend: Backend, clients: ClientMetadata[]): Provider {
  const provider = new library.Provider(backend.url, { ...configuration(library, backend), clients });
  signAccessTokens(provider, backend.signingKeys);
  provider.on('server_error', (_, cause) => log.error('the authorization server failed', { cause }));
  return provider;
}

/** Code flow with PKCE (S256) for MCP clients; refresh tokens rotate, and using one again ends its grant. */
function configuration({ errors }: Library, { engine, url }: Backend): Configuration {
  const { keystore, now, sender } = engine;
  const resource = mcpUrl(url);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const fetchDocument = clientDocuments({ sender });
  const alreadyUsed = () => new errors.InvalidGrant('already used');
  const uses = openRequestLimit(MOST_USES);
  const beforeUse = ({ grantId }: AdapterPayload) => {
    const { over } = uses.take(String(grantId));
    if (over !== undefined) throw new errors.CustomOIDCProviderError('slow_down', `wait ${over} seconds`);
  };
  return {
    adapter: (model) => createAdapter(model, { keystore, now, alreadyUsed, beforeUse }),
    clientAuthMethods: [...AUTH_METHODS],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    // Signs nothing, but the library wants a key for the ID tokens that are not issued.
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] },
    routes: PATHS,
    responseTypes: ['code'],
    scopes: [],
    claims: {},
    extraParams: ['organization'],
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: async () => true,
    expiresWithSession: async () => false,
    allowOmittingSingleRegisteredRedirectUri: false,
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      dPoP: { enabled: false },
      revocation: { enabled: true, allowedPolicy: async (_, client, token) => client.clientId === token.clientId },
      clientIdMetadataDocument: { enabled: true, ack: 'draft-02' },
      resourceIndicators: {
        enabled: true,
        defaultResource: async () => resource,
        useGrantedResource: async () => true,
        getResourceServerInfo: async (_, wanted) => {
          if (wanted !== resource) throw new errors.InvalidTarget('there is no such resource here');
          return { scope: supportedScopes(engine).join(' '), audience: resource, accessTokenTTL: ACCESS_TOKEN_TTL };
        },
      },
    },
    ttl: {
      AccessToken: ACCESS_TOKEN_TTL,
      AuthorizationCode: 60,
      Grant: 180 * DAY,
      Interaction: 15 * 60,
      RefreshToken: 30 * DAY,
      Session: 1,
    },
    // Never sent back: who is signed in is known by a session of Tieline.
    cookies: {
      names: { interaction: 'tieline_consent', resume: 'tieline_resume', session: 'tieline_none' },
      long: { path: '/nobody-stays-signed-in', httpOnly: true, sameSite: 'lax' },
      short: { httpOnly: true, sameSite: 'lax' },
    },
    interactions: { url: async (_, { uid }) => `${new URL(url).pathname.replace(/\/$/, '')}${CONSENT}/${uid}` },
    findAccount: async (_, id, token) => {
      const { organization, user } = accountOf(id);
      const found = await readUser(keystore, organization, user);
      if (!found || found.disabledAt !== undefined) return undefined;
      // What was allowed before the user was disabled, or got a new secret, is over.
      const grant = token && 'grantId' in token ? await readGrant(keystore, String(token.grantId), now()) : undefined;
      if (grant && grant.createdAt < found.tokensFrom) return undefined;
      return { accountId: id, claims: async () => ({ sub: user }) };
    },
    fetch: (address) => fetchDocument(String(address)),
    // The defaults of these two write a notice to stdout.
    clientBasedCORS: () => true,
    renderError: async (ctx, { error, error_description }) => {
      ctx.body = { error, error_description };
    },
  };
}

/** A client that the operator has named. */
function registered({ id, name, redirectUris, secret }: RegisteredClient): ClientMetadata {
  const read = readClientMetadata({
    client_name: name,
    redirect_uris: redirectUris,
    token_endpoint_auth_method: secret === undefined ? 'none' : 'client_secret_basic',
  });
  if ('problem' in read)
    throw new TielineError('config_invalid', `server.clients: ${id}: ${read.problem}`, {
      hint: 'Correct it in config.yaml.',
    });
  return { ...read.client, client_id: id, ...(secret !== undefined && { client_secret: secret }) };
}

/** Leaves out the library's notice about Node 20, under which it works, as the tests of this folder say. */
async function loadQuietly(): Promise<Library> {
  const { warn } = console;
  console.warn = (...args: unknown[]) => {
    if (!String(args[0]).includes('oidc-provider WARNING: Unsupported runtime')) warn(...args);
  };
  try {
    const { default: provider, errors } = await import('oidc-provider');
    return { Provider: provider, errors };
  } finally {
    console.warn = warn;
  }
}
