import { createHash } from 'node:crypto';
import type { Values } from '../connector/values.ts';
import { type ErrorCode, TielineError } from '../errors.ts';
import { newSecret } from '../integration/issuedsecret.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { type StoreKey, storeKey } from '../keystore/store.ts';
import type { DevicePending } from './signin.ts';

/** A request that a person link an account of a user, made by a program or an agent: what stands behind a link. */
export type Authorization = {
  /** 256 random bits. Whoever has them may open the page. */
  readonly id: string;
  readonly organization: string;
  /** Id of the user whose account it will be. */
  readonly user: string;
  readonly connector: string;
  /** Key of the auth option; absent: the person chooses. */
  readonly option?: string | undefined;
  readonly identifier?: string | undefined;
  /** What the program gave already, and the person is not asked for. */
  readonly input: Values;
  readonly settings?: Values | undefined;
  /** Id of the integration that gets new credentials of the same account. */
  readonly reconnect?: string | undefined;
  /** Where the browser goes in the end. */
  readonly redirectUrl?: string | undefined;
  /** Whether the program has to say who sits in the browser that comes back, before the account is the user's. */
  readonly confirm?: boolean | undefined;
  /** Name of the MCP client that asks in the name of the user. */
  readonly client?: string | undefined;
  /**
   * `session`: whoever opens the link has to be signed in to Tieline as the user. `browser`: it is for the first browser
   * that sends its form. Absent: for whoever has it, as the program that asked for it knows whom it gave it to; a browser
   * that is signed in as somebody else is refused in any case.
   */
  readonly requires?: 'session' | 'browser' | undefined;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
};

/** A sign-in on another device, and when the provider may be asked about it again, in epoch milliseconds. */
export type DeviceWait = {
  readonly option: string;
  readonly pending: DevicePending;
  readonly askAt: number;
  /** Seconds. */
  readonly interval: number;
};

/** How far it is. `browser` is the mark of the one in which it was begun, and may be finished. */
export type Progress =
  | {
      readonly kind: 'begun';
      readonly browser: string;
      /** Epoch milliseconds, as the next. */
      readonly at: number;
      readonly busyUntil: number;
      readonly device?: DeviceWait | undefined;
    }
  /** Waits for the program, which is told the code by the browser. */
  | { readonly kind: 'given'; readonly browser: string; readonly code: string }
  | { readonly kind: 'done'; readonly browser: string; readonly integration: string; readonly account?: string }
  | { readonly kind: 'failed'; readonly browser: string; readonly code: ErrorCode };

export type Begun = Extract<Progress, { kind: 'begun' }>;

const DAY = 24 * 60 * 60_000;
/** How long a link that was opened in one browser is refused to others. */
const SIGN_IN = 10 * 60_000;
/** A step that took longer is that of a process that has ended. */
const LONGEST_STEP = 2 * 60_000;
/** So that it can be told that an authorization has expired. */
const KEPT = 2 * DAY;

/** Neither link nor state can be read off the keys of the store. */
const digest = (text: string): string => createHash('sha256').update(text, 'utf8').digest('base64url');

const requestKey = (id: string): StoreKey => storeKey('authorization', 'request', digest(id));
const progressKey = (id: string): StoreKey => storeKey('authorization', 'progress', digest(id));
const browserKey = (id: string): StoreKey => storeKey('authorization', 'browser', digest(id));
/** For what waits for the program to confirm it, by its code. */
export const givenKey = (code: string): StoreKey => storeKey('authorization', 'given', digest(code));
/** For what is known by the state of a sign-in. */
export const stateKey = (state: string): StoreKey => storeKey('authorization', 'state', digest(state));

/** Keeps the request for a day, or for another time in milliseconds. Its page is `/connect/<id>` at the server. */
export async function createAuthorization(
  keystore: Keystore,
  wanted: Omit<Authorization, 'id' | 'expiresAt'>,
  now: number,
  life = DAY,
): Promise<Authorization> {
  const authorization = { ...wanted, id: newSecret(), expiresAt: now + life };
  await keystore.write(requestKey(authorization.id), authorization, KEPT);
  return authorization;
}

/** The request of an id, also when it has expired. */
export async function readAuthorization(keystore: Keystore, id: string): Promise<Authorization | undefined> {
  return (await keystore.read<Authorization>(requestKey(id)))?.value;
}

export const readProgress = async (
  keystore: Keystore,
  { id }: Pick<Authorization, 'id'>,
): Promise<Progress | undefined> => (await keystore.read<Progress>(progressKey(id)))?.value;

/**
 * Gives the link to the first browser that sends its form, by its mark: what only looks at it, such as a scanner or a
 * preview, takes it from nobody. Throws `forbidden` for every other one.
 */
export async function claim(keystore: Keystore, authorization: Authorization, mark: string): Promise<void> {
  const key = browserKey(authorization.id);
  if (await keystore.replace(key, undefined, mark))
    await keystore.write(key, mark, KEPT); // what is replaced would stay for ever
  else await checkClaim(keystore, authorization, mark);
}

/** Throws `forbidden` where the link belongs to another browser than that of the mark. */
export async function checkClaim(keystore: Keystore, authorization: Authorization, mark?: string): Promise<void> {
  const owner = await claimedBy(keystore, authorization);
  if (owner === undefined || owner === mark) return;
  throw new TielineError('forbidden', 'this link has been opened in another browser', {
    hint: 'Go on there, or ask for a new link.',
  });
}

/** The mark of the browser to which a link belongs. */
export const claimedBy = async (keystore: Keystore, { id }: Pick<Authorization, 'id'>): Promise<string | undefined> =>
  (await keystore.read<string>(browserKey(id)))?.value;

/**
 * Lets one step of one browser go on, which ends with `settle`. Throws `conflict` when the authorization is over or
 * another step of it is under way, and `forbidden` when another browser began it in the last ten minutes.
 */
export async function hold(
  keystore: Keystore,
  authorization: Authorization,
  browser: string,
  now: number,
): Promise<Begun> {
  const key = progressKey(authorization.id);
  const record = await keystore.read<Progress>(key);
  const found = record?.value;
  if (found && found.kind !== 'begun') throw new TielineError('conflict', 'this link has been used', { hint: AGAIN });
  if (found) checkNotElsewhere(found, browser, now);
  if (found && found.busyUntil > now) throw busy();
  const next: Begun = {
    kind: 'begun',
    browser,
    at: now,
    busyUntil: now + LONGEST_STEP,
    ...(found?.browser === browser && { device: found.device }),
  };
  if (!(await keystore.replace(key, record, next))) throw busy();
  // Nobody else writes it while it is held, and what is replaced would stay for ever.
  await keystore.write(key, next, KEPT);
  return next;
}

/** Keeps how far it is. What the program gave is forgotten with the end. */
export async function settle(keystore: Keystore, authorization: Authorization, progress: Progress): Promise<void> {
  const { id } = authorization;
  await keystore.write(progressKey(id), progress, KEPT);
  if (progress.kind !== 'begun') await keystore.write(requestKey(id), { ...authorization, input: {} }, KEPT);
}

/** Throws `forbidden` while another browser than this one may finish what it has begun. */
export function checkNotElsewhere({ browser, at }: Begun, mine: string | undefined, now: number): void {
  if (browser === mine || at + SIGN_IN <= now) return;
  throw new TielineError('forbidden', 'this link has been opened in another browser', {
    hint: 'Go on there, or try again in ten minutes.',
  });
}

const busy = (): TielineError =>
  new TielineError('conflict', 'the account is being connected at this moment', { hint: 'Wait, then open the link.' });

const AGAIN = 'Ask for a new link if you want to connect another account.';
