import type { IncomingMessage } from 'node:http';
import type { MiddlewareHandler } from 'hono';
import { TielineError } from '../errors.ts';
import { findClientKey } from '../integration/clientkey.ts';
import { unknownOrganization } from '../integration/organization.ts';
import { type Principal, SCOPES } from '../integration/principal.ts';
import { readUser, type User } from '../integration/user.ts';
import type { Backend, Caller, Env } from './context.ts';
import { type Gates, incomingOf } from './gates.ts';
import { shownFrom, unlessGuessed } from './ratelimit.ts';

/** Kind of the tokens that a login gives, so that no other token of this issuer passes for one (RFC 8725 §3.11). */
export const LOGIN_TOKEN = 'tieline-login+jwt';

const ALL_SCOPES = new Set(SCOPES);

/**
 * Finds out who is calling, from `Authorization: Bearer` with a client API key or a login token, or from `X-Api-Key`.
 * `X-Organization-Id` chooses among the organizations of a key. Throws `unauthenticated`, `organization_required`,
 * `organization_unknown`.
 */
export function identifyCaller(backend: Backend, gates: Gates): MiddlewareHandler<Env> {
  return async (context, next) => {
    const { headers } = context.req.raw;
    context.set('caller', await unlessGuessedBy(gates, incomingOf(context), headers, () => callerOf(backend, headers)));
    await next();
  };
}

/** The headers of a request, as `Headers` gives them. */
export type HeaderValues = Pick<Headers, 'get'>;

/** Names the credential of a request and where it comes from, see `shownFrom`. */
export const guessOf =
  ({ remoteAddress }: Pick<Gates, 'remoteAddress'>, incoming: IncomingMessage, headers: HeaderValues) =>
  (): string =>
    shownFrom(remoteAddress(incoming), `${headers.get('authorization')}\n${headers.get('x-api-key')}`);

/** Looks at the credential of a request, see `unlessGuessed`. Who shows none, as before a sign-in, guesses nothing. */
export function unlessGuessedBy<T>(
  gates: Pick<Gates, 'failures' | 'remoteAddress'>,
  incoming: IncomingMessage,
  headers: HeaderValues,
  look: () => Promise<T>,
): Promise<T> {
  if (headers.get('authorization') === null && headers.get('x-api-key') === null) return look();
  return unlessGuessed(gates.failures, guessOf(gates, incoming, headers), look);
}

/** Throws `unauthenticated`, `organization_required`, `organization_unknown`. */
export async function callerOf(backend: Backend, headers: HeaderValues): Promise<Caller> {
  const wanted = headers.get('x-organization-id') ?? undefined;
  const bearer = /^Bearer +(\S+)$/i.exec(headers.get('authorization') ?? '')?.[1];
  const apiKey = headers.get('x-api-key') ?? (bearer?.startsWith('sk-client-') ? bearer : undefined);
  // A user's token says more than the key of the program that passes it on.
  if (bearer !== undefined && !bearer.startsWith('sk-client-')) {
    const user = await userOfToken(backend, bearer);
    if (wanted !== undefined && wanted !== user.organization) throw unknownOrganization(wanted);
    return { kind: 'user', organization: user.organization, user };
  }
  if (apiKey === undefined) throw unauthenticated('no client API key and no token came with the request');
  const key = await findClientKey(backend.engine.keystore, apiKey);
  if (!key) throw unauthenticated('the client API key is not known');
  return { kind: 'client', organization: organizationOf(key.organizations, wanted), key };
}

function organizationOf(organizations: readonly string[], wanted: string | undefined): string {
  if (wanted !== undefined) {
    if (organizations.includes(wanted)) return wanted;
    throw unknownOrganization(wanted);
  }
  const [only, ...others] = organizations;
  if (only !== undefined && others.length === 0) return only;
  throw new TielineError('organization_required', 'the key belongs to several organizations', {
    hint: `Name one in the header X-Organization-Id: ${organizations.join(', ')}`,
  });
}

/** The user of a login token. Throws `unauthenticated`, also after the user was disabled or got a new secret. */
export async function userOfToken({ engine, signingKeys, url }: Backend, token: string): Promise<User> {
  const { sub = '', org, iat = 0 } = await signingKeys.verify(token, { audience: url, type: LOGIN_TOKEN });
  const user = typeof org === 'string' ? await readUser(engine.keystore, org, sub) : undefined;
  return servedUser(user, (since) => isFrom(iat, since));
}

/** Whether a token is of that time or later. Tokens say only the second in which they were made. */
export const isFrom = (iat: number, since: number): boolean => iat >= Math.floor(since / 1_000);

/**
 * The user, unless there is none, or they are disabled, or their tokens have ended. `isGood` tells whether this one was
 * made since a time, in epoch milliseconds. Throws `unauthenticated`.
 */
export function servedUser(user: User | undefined, isGood: (since: number) => boolean): User {
  if (user && user.disabledAt === undefined && isGood(user.tokensFrom)) return user;
  throw unauthenticated('the token is no longer good');
}

const unauthenticated = (why: string): TielineError =>
  new TielineError('unauthenticated', why, {
    hint: 'Send Authorization: Bearer with a client API key or the token of a login.',
  });

/** The caller as a client. Throws `forbidden` for users: they see their own, not the organization. */
export function clientOnly(caller: Caller): Extract<Caller, { kind: 'client' }> {
  if (caller.kind === 'client') return caller;
  throw new TielineError('not_permitted', 'this needs a client API key', {
    hint: 'Send the client API key of the organization.',
  });
}

export const principalOf = ({ organization, id }: User): Principal => ({ organization, user: id, scopes: ALL_SCOPES });
