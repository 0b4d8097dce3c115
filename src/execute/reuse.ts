import { createHash } from 'node:crypto';
import { TielineError } from '../errors.ts';
import type { Principal } from '../integration/principal.ts';
import { keepsChanging } from '../keystore/change.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { type StoreKey, storeKey } from '../keystore/store.ts';
import {
  type Authorization,
  claimedBy,
  createAuthorization,
  readAuthorization,
  readProgress,
} from './authorization.ts';
import type { Engine } from './engine.ts';

/** What an agent asks for: see `Authorization`. */
export type Asked = Pick<Authorization, 'connector' | 'option' | 'identifier' | 'reconnect' | 'client' | 'requires'>;

type Open = { readonly what: string; readonly id: string; readonly expiresAt: number };

/** An agent that asks again and again must not fill the store, nor have more links about than a person can follow. */
const MOST_OPEN = 10;
const HOUR = 60 * 60_000;
/** What is left of a link that is given out once more. */
const SHORTEST = 10 * 60_000;
const MOST_TRIES = 20;

const openKey = ({ organization, user }: Principal): StoreKey => storeKey('authorization', 'open', organization, user);

/**
 * The authorization that stands behind a link for an agent: the one that was made for the same before, for an hour or
 * until it is released, else a new one. Throws `too_many_requests` when the user has ten that wait.
 */
export async function reuseAuthorization(
  { keystore, now }: Engine,
  who: Principal,
  asked: Asked,
): Promise<Authorization> {
  const { organization, user } = who;
  const key = openKey(who);
  const what = digestOf(asked);
  let made: Authorization | undefined;
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const record = await keystore.read<readonly Open[]>(key);
    const open = (record?.value ?? []).filter((it) => it.expiresAt > now() + SHORTEST);
    const same = open.find((it) => it.what === what);
    const found = same && (await usable(keystore, same.id));
    if (found) return found;
    const rest = open.filter((it) => it !== same);
    const others = rest.length < MOST_OPEN ? rest : await waiting(keystore, rest);
    if (others.length >= MOST_OPEN) throw tooMany();
    made ??= await createAuthorization(keystore, { ...asked, organization, user, input: {} }, now(), HOUR);
    const next: Open[] = [...others, { what, id: made.id, expiresAt: made.expiresAt }];
    if (!(await keystore.replace(key, record, next))) continue;
    // Anew, as what is replaced would stay for ever. Whoever comes between the two gets a link of their own later.
    await keystore.write(key, next, HOUR);
    return made;
  }
  throw keepsChanging('the open links');
}

/** An authorization that is still there, and does not belong to a browser from which its user may never come back. */
async function usable(keystore: Keystore, id: string): Promise<Authorization | undefined> {
  const found = await readAuthorization(keystore, id);
  if (found?.requires !== 'browser' || (await claimedBy(keystore, found)) === undefined) return found;
  return (await waiting(keystore, [{ id }])).length === 0 ? found : undefined;
}

/** Those that have not ended, though nobody may have come back to ask. */
async function waiting<T extends Pick<Open, 'id'>>(keystore: Keystore, open: readonly T[]): Promise<readonly T[]> {
  const progress = await Promise.all(open.map((it) => readProgress(keystore, it)));
  return open.filter((_, index) => (progress[index]?.kind ?? 'begun') === 'begun');
}

/** Ends the reuse of an authorization, of which the agent knows how it ended. */
export async function releaseAuthorization({ keystore }: Engine, who: Principal, id: string): Promise<void> {
  const key = openKey(who);
  const record = await keystore.read<readonly Open[]>(key);
  const left = record?.value.filter((it) => it.id !== id);
  if (!record || !left || left.length === record.value.length) return;
  // Lost to somebody faster, it is released the next time that it is found.
  if (await keystore.replace(key, record, left)) await keystore.write(key, left, HOUR);
}

function digestOf({ connector, option, identifier, reconnect, client, requires }: Asked): string {
  const what = JSON.stringify([connector, option, identifier, reconnect, client, requires].map((it) => it ?? null));
  return createHash('sha256').update(what, 'utf8').digest('base64url');
}

const tooMany = (): TielineError =>
  new TielineError('too_many_requests', `${MOST_OPEN} links to connect accounts are waiting for the user already`, {
    hint: 'Ask the user to open one of them, or wait an hour.',
  });
