import { createHash } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { TielineError } from '../errors.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { type StoreKey, storeKey } from '../keystore/store.ts';
import type { Backend, Caller, Env } from './context.ts';

/** What is kept of a request that named a key: that it is under way, or what was answered. */
type Kept =
  | { readonly fingerprint: string; readonly startedAt: number }
  | { readonly fingerprint: string; readonly status: number; readonly contentType: string; readonly body: string };

const DAY = 24 * 60 * 60_000;
/** A process that did not finish by then is gone. */
const LONGEST_RUN = 2 * 60_000;
const LONGEST_KEY = 255;

/**
 * Makes a POST with the header `Idempotency-Key` happen once (draft-ietf-httpapi-idempotency-key-header): the same
 * request again within a day gets the same answer, another one under that key is refused. Answers of failures that
 * may pass (429, 5xx) are not kept.
 */
export function idempotent({ engine }: Backend): MiddlewareHandler<Env> {
  const { keystore, now } = engine;
  return async (context, next) => {
    const name = context.req.method === 'POST' ? context.req.header('idempotency-key') : undefined;
    if (name === undefined) return next();
    if (name === '' || name.length > LONGEST_KEY)
      throw new TielineError('arguments_invalid', 'Idempotency-Key is 1 to 255 characters');
    const key = keyOf(context.get('caller'), name);
    const content = `${new URL(context.req.url).pathname}\n${await context.req.text()}`;
    const fingerprint = createHash('sha256').update(content, 'utf8').digest('base64url');
    const kept = await claim(keystore, key, fingerprint, now());
    if (kept) {
      const headers = { 'content-type': kept.contentType, 'idempotency-replayed': 'true', 'cache-control': 'no-store' };
      context.res = new Response(kept.body, { status: kept.status, headers });
      return undefined;
    }
    await next();
    const { status, headers } = context.res;
    if (status === 429 || status >= 500) {
      await keystore.delete(key);
      return undefined;
    }
    const body = await context.res.clone().text();
    const done: Kept = { fingerprint, status, contentType: headers.get('content-type') ?? 'application/json', body };
    await keystore.write(key, done, DAY);
    return undefined;
  };
}

type Answered = Extract<Kept, { body: string }>;

/** Takes the key for this request, or gives what was answered to the one before. Throws `idempotency_conflict`. */
async function claim(
  keystore: Keystore,
  key: StoreKey,
  fingerprint: string,
  now: number,
): Promise<Answered | undefined> {
  const found = await keystore.read<Kept>(key);
  const kept = found?.value;
  if (kept && kept.fingerprint !== fingerprint)
    throw conflict('was used for another request', 'Use a new key for a new request.');
  if (kept && 'body' in kept) return kept;
  const isRunning = kept !== undefined && now - kept.startedAt < LONGEST_RUN;
  const mine: Kept = { fingerprint, startedAt: now };
  if (isRunning || !(await keystore.replace(key, found, mine))) {
    throw conflict('belongs to a request that is still under way', 'Wait for its answer, then ask again.');
  }
  return undefined;
}

/** One caller's key is nothing to another's. */
const keyOf = (caller: Caller, name: string): StoreKey =>
  storeKey('idempotency', caller.organization, caller.kind === 'client' ? caller.key.id : caller.user.id, name);

const conflict = (why: string, hint: string): TielineError =>
  new TielineError('idempotency_conflict', `this Idempotency-Key ${why}`, { hint });
