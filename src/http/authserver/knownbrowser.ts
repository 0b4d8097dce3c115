import type { Context } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import type { User } from '../../integration/user.ts';
import type { Backend, Env } from '../context.ts';
import { cookieNamed } from '../session.ts';

/** Ids of the users who have signed in in a browser, the last one first. It lets nobody in. */
type Known = readonly string[];

const CONTEXT = 'known browser';
const MOST_USERS = 5;
const DAY = 24 * 60 * 60;
const LIFE = 180 * DAY;

function readKnown({ engine, url }: Backend, context: Context<Env>): Known {
  const sealed = getCookie(context, cookieNamed(url, 'tieline_known').name);
  if (!sealed) return [];
  try {
    return engine.keystore.unseal<Known>(CONTEXT, sealed);
  } catch {
    return [];
  }
}

/** Whether a user has signed in in this browser before: wrong secrets from elsewhere do not hold them up here. */
export const isKnownBrowser = (backend: Backend, context: Context<Env>, user: User | undefined): boolean =>
  user !== undefined && readKnown(backend, context).includes(user.id);

export function keepKnownBrowser(backend: Backend, context: Context<Env>, { id }: User): void {
  const users = [id, ...readKnown(backend, context).filter((it) => it !== id)].slice(0, MOST_USERS);
  const { name, secure } = cookieNamed(backend.url, 'tieline_known');
  const options = { path: '/', httpOnly: true, secure, sameSite: 'Lax', maxAge: LIFE } as const;
  setCookie(context, name, backend.engine.keystore.seal(CONTEXT, users), options);
}
