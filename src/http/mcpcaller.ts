import { claimedBy } from '../auth/issuer.ts';
import { TielineError } from '../errors.ts';
import type { Engine } from '../execute/engine.ts';
import { readGrant } from '../integration/grant.ts';
import { unknownOrganization } from '../integration/organization.ts';
import { findPersonalToken } from '../integration/personaltoken.ts';
import { isScope, type Scope } from '../integration/principal.ts';
import { ensureUser, findUser, readUser, type User, unknownUser } from '../integration/user.ts';
import { callerOf, type HeaderValues, isFrom, LOGIN_TOKEN, principalOf, servedUser } from './caller.ts';
import type { Backend, UserIssuer } from './context.ts';
import { type Customer, customerOf } from './customer.ts';

/** Where MCP is, which is also the audience of access tokens for it (RFC 8707). */
export const mcpUrl = (url: string): string => `${url}/mcp`;

/** The credential of a request, however good; undefined where there is none. */
export const credentialOf = (headers: HeaderValues): string | undefined =>
  /^Bearer +(\S+)$/i.exec(headers.get('authorization') ?? '')?.[1] ?? headers.get('x-api-key') ?? undefined;

/**
 * The user that speaks MCP, and what they may do: from an access token of this server or of a trusted issuer, a
 * personal access token, the token of a login, or a client API key with the user named in `X-Customer-Name`. Throws
 * `unauthenticated`, `not_permitted`, and what `callerOf` and `customerOf` throw.
 */
export async function identifyMcpCaller(backend: Backend, headers: HeaderValues): Promise<Customer> {
  const token = credentialOf(headers);
  if (token === undefined) throw unauthenticated('no token came with the request');
  const isPersonal = token.startsWith(PERSONAL);
  const isOfApi = token.startsWith('sk-client-') || (!isPersonal && claimedBy(token).kind === LOGIN_TOKEN);
  if (isOfApi) return ofApi(backend, headers);
  const customer = await ofToken(backend, token);
  checkNamed(customer.user, headers);
  return customer;
}

/** How personal access tokens begin. */
const PERSONAL = 'pat-';

/** Nobody is to find out later that they acted as somebody else than they said. */
function checkNamed({ identifier, organization }: User, headers: HeaderValues): void {
  const [name, wanted] = [headers.get('x-customer-name'), headers.get('x-organization-id')];
  if (name !== null && decoded(name) !== identifier) throw unknownUser(decoded(name));
  if (wanted !== null && wanted !== organization) throw unknownOrganization(wanted);
}

async function ofApi(backend: Backend, headers: HeaderValues): Promise<Customer> {
  const caller = await callerOf(backend, headers);
  const name = headers.get('x-customer-name');
  if (caller.kind === 'client' && name === null) {
    throw new TielineError('not_permitted', 'a client API key is no user, and tools run as users', {
      hint: 'Name the user in the header X-Customer-Name, or send a token of the user.',
    });
  }
  return customerOf(backend, caller, name === null ? undefined : decoded(name));
}

/** As MCP writes values in headers that are not ASCII: `=?base64?…?=`. */
function decoded(name: string): string {
  const [, base64] = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/.exec(name) ?? [];
  return base64 === undefined ? name : Buffer.from(base64, 'base64').toString('utf8');
}

async function ofToken(backend: Backend, token: string): Promise<Customer> {
  const { engine, signingKeys, url, issuers = [] } = backend;
  const { keystore, now } = engine;
  if (token.startsWith(PERSONAL)) {
    const found = await findPersonalToken(keystore, token, now());
    if (!found) throw unauthenticated('the personal access token is not known, or no longer good');
    const owner = await readUser(keystore, found.organization, found.user);
    const user = servedUser(owner, (since) => found.createdAt >= since);
    return limited(engine, user, found.scopes);
  }
  const { issuer: claimed } = claimedBy(token);
  const issuer = issuers.find((it) => it.issuer === claimed);
  if (issuer) return ofIssuer(backend, issuer, token);
  const { sub = '', org, iat = 0, scope, grant } = await signingKeys.verify(token, { audience: mcpUrl(url) });
  if (typeof grant === 'string' && !(await readGrant(keystore, grant, now()))) {
    throw unauthenticated('the token is no longer good');
  }
  const owner = typeof org === 'string' ? await readUser(keystore, org, sub) : undefined;
  const user = servedUser(owner, (since) => isFrom(iat, since));
  return limited(engine, user, scope);
}

async function ofIssuer({ engine }: Backend, issuer: UserIssuer, token: string): Promise<Customer> {
  const { keystore, now } = engine;
  const claims = await issuer.verify(token);
  const identifier = claims[issuer.identifierClaim];
  // Whoever may write any address into their profile would otherwise become its owner.
  const isTheirs = issuer.identifierClaim !== 'email' || claims.email_verified === true;
  if (typeof identifier !== 'string' || identifier === '' || !isTheirs) {
    throw unauthenticated(`the token does not say who the user is, by ${issuer.identifierClaim}`);
  }
  const found = issuer.createUsers
    ? await ensureUser(keystore, issuer.organization, identifier, now())
    : await findUser(keystore, issuer.organization, identifier);
  // The first token of a user is older than the user.
  const user = servedUser(found, (since) => since === found?.createdAt || isFrom(claims.iat ?? 0, since));
  return limited(engine, user, claims.scope ?? claims.scp);
}

/** A user with the scopes in a claim, written as a text (RFC 8693 §4.2) or as a list, as far as they are Tieline's. */
function limited({ scopeGrain }: Engine, user: User, claim: unknown): Customer {
  const names: readonly unknown[] = Array.isArray(claim) ? claim : String(claim ?? '').split(' ');
  const scopes = new Set(names.filter((it): it is Scope => isScope(it, scopeGrain)));
  return { user, who: { ...principalOf(user), scopes } };
}

const unauthenticated = (why: string): TielineError =>
  new TielineError('unauthenticated', why, {
    hint: 'Sign in with your MCP client, or send Authorization: Bearer with a personal access token.',
  });
