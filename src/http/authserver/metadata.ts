import { supportedScopes } from '../../execute/policy.ts';
import type { Backend } from '../context.ts';

/** How clients may authenticate at the token endpoint (RFC 8414 §2). */
export const AUTH_METHODS = ['none', 'client_secret_basic', 'client_secret_post'] as const;

/** Where the endpoints are. At the root, where clients look that do not read the metadata. */
export const PATHS = {
  authorization: '/authorize',
  token: '/token',
  registration: '/register',
  revocation: '/revoke',
  jwks: '/.well-known/jwks.json',
} as const;

/** RFC 8414 §2, with what RFC 9207, RFC 7636 and client ID metadata documents add. */
export const serverMetadata = ({ engine, url }: Pick<Backend, 'engine' | 'url'>) => ({
  issuer: url,
  authorization_endpoint: `${url}${PATHS.authorization}`,
  token_endpoint: `${url}${PATHS.token}`,
  registration_endpoint: `${url}${PATHS.registration}`,
  revocation_endpoint: `${url}${PATHS.revocation}`,
  jwks_uri: `${url}${PATHS.jwks}`,
  scopes_supported: supportedScopes(engine),
  response_types_supported: ['code'],
  response_modes_supported: ['query'],
  grant_types_supported: ['authorization_code', 'refresh_token'],
  token_endpoint_auth_methods_supported: AUTH_METHODS,
  revocation_endpoint_auth_methods_supported: AUTH_METHODS,
  code_challenge_methods_supported: ['S256'],
  client_id_metadata_document_supported: true,
  authorization_response_iss_parameter_supported: true,
  // OpenID Connect Discovery wants these two. No ID tokens are issued.
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: ['ES256'],
});
