import type { Engine } from '../../execute/engine.ts';
import { supportedScopes, usualScopes } from '../../execute/policy.ts';

/** Of OpenID Connect, which is not spoken here: oidc-provider would refuse what RFC 6749 §3.1 says to ignore. */
const NOT_SPOKEN = ['nonce', 'max_age', 'acr_values', 'claims', 'claims_locales', 'id_token_hint'];

/** Characters of an authorization request: browsers, proxies and a cookie (see `leaveForProvider`) take so many. */
export const LONGEST_REQUEST = 2_400;

/**
 * An authorization request as oidc-provider is given it: with the scopes that there are, or the usual ones where none
 * of them is asked for (RFC 6749 §3.3).
 */
export function readAuthorizationRequest(engine: Engine, address: string): URL {
  const url = new URL(address);
  const { searchParams } = url;
  for (const name of NOT_SPOKEN) searchParams.delete(name);
  // The library's answer by form is a page with a script.
  const mode = searchParams.get('response_mode');
  if (mode !== null && mode !== 'query') searchParams.set('response_mode', 'none');
  if (searchParams.getAll('scope').length > 1) return url; // which is refused
  const wanted = (searchParams.get('scope') ?? '').split(' ');
  const known = supportedScopes(engine).filter((it) => wanted.includes(it));
  searchParams.set('scope', (known.length === 0 ? usualScopes(engine) : known).join(' '));
  return url;
}

/**
 * The request once more for whoever is not signed in yet, as a page of this server to go on to. It is theirs to sign in
 * now, so that it need not be asked for again.
 */
export function afterSignIn({ pathname, searchParams }: URL): string {
  const query = new URLSearchParams(searchParams);
  const prompts = (query.get('prompt') ?? '').split(' ').filter((it) => it !== 'login' && it !== '');
  if (prompts.length === 0) query.delete('prompt');
  else query.set('prompt', prompts.join(' '));
  return `${pathname}?${query}`;
}
