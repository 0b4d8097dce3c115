import type Provider from 'oidc-provider';
import { APPLICATION, type Person } from './data.ts';
import { DEFAULT_SCOPE } from './provider.ts';
import { Refusal } from './refusal.ts';

export type Caller = { readonly person: Person; readonly scopes: ReadonlySet<string> };

/** What a request says about who sends it. */
export type Presented = { readonly authorization: string | undefined; readonly apiKey: string | undefined };

/** Finds out who calls, or throws a 401 with the challenge of RFC 6750 §3. */
export type Identify = (presented: Presented) => Promise<Caller>;

const ALL_SCOPES: ReadonlySet<string> = new Set(DEFAULT_SCOPE.split(' '));

/** Accepts access tokens of the provider, looked up in its memory, and the static keys, as `X-Api-Key` or as a bearer token. */
export function callerFinder(
  provider: Provider,
  people: readonly Person[],
  keys: ReadonlyMap<string, Person>,
): Identify {
  return async ({ authorization, apiKey }) => {
    const value = apiKey ?? /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    if (value === undefined) throw unauthorized('token_missing', 'send an access token or an API key');
    const owner = keys.get(value);
    if (owner) return { person: owner, scopes: ALL_SCOPES };
    const caller = apiKey === undefined ? await ownerOfToken(provider, people, value) : undefined;
    if (!caller) throw unauthorized('invalid_token', 'the access token or key is unknown, expired or revoked');
    return caller;
  };
}

export function requireScope(caller: Caller, scope: string): void {
  if (caller.scopes.has(scope)) return;
  const challenge = `Bearer realm="sandbox", error="insufficient_scope", scope="${scope}"`;
  throw new Refusal(403, 'insufficient_scope', `this needs the scope "${scope}"`, {
    headers: { 'www-authenticate': challenge },
  });
}

async function ownerOfToken(provider: Provider, people: readonly Person[], value: string): Promise<Caller | undefined> {
  const token = await provider.AccessToken.find(value);
  if (token) {
    const person = people.find((it) => it.id === token.accountId);
    return person && { person, scopes: token.scopes };
  }
  const own = await provider.ClientCredentials.find(value);
  // A client-credentials request without `scope` gets the default (RFC 6749 §3.3).
  return own && { person: APPLICATION, scopes: own.scope ? own.scopes : ALL_SCOPES };
}

function unauthorized(code: 'token_missing' | 'invalid_token', message: string): Refusal {
  // RFC 6750 §3.1: a request without any credentials gets no error code in the challenge.
  const detail = code === 'token_missing' ? '' : `, error="${code}", error_description="${message}"`;
  return new Refusal(401, code, message, { headers: { 'www-authenticate': `Bearer realm="sandbox"${detail}` } });
}
