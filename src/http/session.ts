import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { newSecret } from '../integration/issuedsecret.ts';
import { readUser, type User } from '../integration/user.ts';
import { storeKey } from '../keystore/store.ts';
import type { Backend, Env } from './context.ts';

/** A user who has signed in to Tieline in a browser. */
export type Session = {
  readonly user: User;
  /** Epoch milliseconds. */
  readonly createdAt: number;
};

type SessionRecord = { readonly organization: string; readonly user: string; readonly createdAt: number };

/** The page on which users sign in. Served where the authorization server is. */
export const SIGN_IN = '/sign-in';

/** The page on which they sign out again. */
export const SIGN_OUT = '/sign-out';

/** Where to sign in; `next` is a page of this server to go on to. */
export function signInUrl({ url }: Pick<Backend, 'url'>, next: string, organization?: string): string {
  const query = new URLSearchParams({ next, ...(organization !== undefined && { organization }) });
  return `${url}${SIGN_IN}?${query}`;
}

const LIFE = 12 * 60 * 60_000;

/** A cookie of a server at an address. `__Host-` needs https (RFC 6265bis §4.1.3.2). */
export function cookieNamed(url: string, name: string): { readonly name: string; readonly secure: boolean } {
  const secure = url.startsWith('https:');
  return { name: `${secure ? '__Host-' : ''}${name}`, secure };
}

const cookieOf = ({ url }: Backend) => cookieNamed(url, 'tieline');

const key = (secret: string) => storeKey('session', createHash('sha256').update(secret, 'utf8').digest('base64url'));

/**
 * Who is signed in in the browser that sends a request. Undefined for nobody, and after twelve hours, or when the user
 * was disabled, removed or got a new secret.
 */
export async function sessionOf(backend: Backend, context: Context<Env>): Promise<Session | undefined> {
  const { keystore, now } = backend.engine;
  const secret = getCookie(context, cookieOf(backend).name);
  if (secret === undefined || secret === '') return undefined;
  const record = (await keystore.read<SessionRecord>(key(secret)))?.value;
  if (!record || now() >= record.createdAt + LIFE) return undefined;
  const user = await readUser(keystore, record.organization, record.user);
  if (!user || user.disabledAt !== undefined || record.createdAt < user.tokensFrom) return undefined;
  return { user, createdAt: record.createdAt };
}

/** The user who is signed in in the browser that sends a request, see `sessionOf`. */
export const sessionUser = async (backend: Backend, context: Context<Env>): Promise<User | undefined> =>
  (await sessionOf(backend, context))?.user;

/** What makes a cookie the one that is meant, when it is set and when it is deleted. */
const COOKIE = { path: '/', httpOnly: true, sameSite: 'Lax' } as const;

/** Signs a user in in this browser, in the place of whoever was. The session is a new one in any case. */
export async function startSession(backend: Backend, context: Context<Env>, user: User): Promise<void> {
  const { keystore, now } = backend.engine;
  const { name, secure } = cookieOf(backend);
  const before = getCookie(context, name);
  if (before) await keystore.delete(key(before));
  const secret = newSecret();
  const record: SessionRecord = { organization: user.organization, user: user.id, createdAt: now() };
  await keystore.write(key(secret), record, LIFE);
  setCookie(context, name, secret, { ...COOKIE, secure, maxAge: LIFE / 1_000 });
}

/** Signs whoever is signed in in this browser out. The cookie is good for nothing afterwards, also where it was copied. */
export async function endSession(backend: Backend, context: Context<Env>): Promise<void> {
  const { name, secure } = cookieOf(backend);
  const secret = getCookie(context, name);
  if (secret) await backend.engine.keystore.delete(key(secret));
  deleteCookie(context, name, { ...COOKIE, secure });
}
