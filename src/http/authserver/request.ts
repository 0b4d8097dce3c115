import { SCOPES } from '../../integration/principal.ts';

/** What a client gets that does not say what it wants (RFC 6749 §3.3). */
export const DEFAULT_SCOPE = 'read write';

/** Of OpenID Connect, which is not spoken here: oidc-provider would refuse what RFC 6749 §3.1 says to ignore. */
const NOT_SPOKEN = ['nonce', 'max_age', 'acr_values', 'claims', 'claims_locales', 'id_token_hint'];

/**
 * An authorization request as oidc-provider is given it: with the scopes that there are, or the usual ones where none
 * of them is asked for.
 */
export function readAuthorizationRequest(address: string): URL {
  const url = new URL(address);
  const { searchParams } = url;
  for (const name of NOT_SPOKEN) searchParams.delete(name);
  // The library's answer by form is a page with a script.
  const mode = searchParams.get('response_mode');
  if (mode !== null && mode !== 'query') searchParams.set('response_mode', 'none');
  if (searchParams.getAll('scope').length > 1) return url; // which is refused
  const wanted = (searchParams.get('scope') ?? '').split(' ');
  const known = SCOPES.filter((it) => wanted.includes(it));
  searchParams.set('scope', known.length === 0 ? DEFAULT_SCOPE : known.join(' '));
  return url;
}
