import { TielineError } from '../errors.ts';
import { changeRecord, keepsChanging } from '../keystore/change.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { storeKey } from '../keystore/store.ts';
import { LONGEST_NAME } from '../limits.ts';
import { quoted } from '../quoted.ts';
import { addToDirectory, newId, type Position, readDirectory, removeFromDirectory } from './directory.ts';
import { hashSecret, isSecret, newSecret } from './issuedsecret.ts';

/** A person, or whatever an organization calls a user. All that is theirs is kept under `id`, which is never used again. */
export type User = {
  readonly id: string;
  readonly organization: string;
  /** The organization's own name for the user, exactly as given. */
  readonly identifier: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Of the secret; absent for users that never log in themselves. */
  readonly hash?: string;
  /** Login tokens issued before are no longer good. Epoch milliseconds. */
  readonly tokensFrom: number;
  /** Absent while the user may be served. Epoch milliseconds. */
  readonly disabledAt?: number;
};

const userKey = (organization: string, id: string) => storeKey('user', organization, id);
const identifierKey = (organization: string, identifier: string) =>
  storeKey('user_identifier', organization, identifier);

const MOST_TRIES = 20;

/** Throws `arguments_invalid`. Not normalized: what an organization tells apart stays apart. */
export function checkUserIdentifier(text: string): string {
  if (text.length > 0 && text.length <= LONGEST_NAME && !/[\p{Cc}\p{Cs}]/u.test(text)) return text;
  throw new TielineError(
    'arguments_invalid',
    `the identifier of a user is 1 to ${LONGEST_NAME} characters without control characters`,
  );
}

export type NewUser = { readonly user: User; readonly secret: string };

/** Makes a user with a secret, which is shown now and never again. Throws `user_exists`. */
export async function createUser(
  keystore: Keystore,
  organization: string,
  identifier: string,
  now: number,
): Promise<NewUser> {
  const id = newId('usr');
  const { secret, hash } = issue(id);
  const user: User = {
    id,
    organization,
    identifier: checkUserIdentifier(identifier),
    createdAt: now,
    tokensFrom: now,
    hash,
  };
  if (await claim(keystore, user)) return { user, secret };
  throw new TielineError('user_exists', `there already is a user ${quoted(identifier)}`, {
    hint: 'Use another identifier, or a new secret for the one that is there.',
  });
}

/** The user of an identifier, made without a secret if there is none yet. */
export async function ensureUser(
  keystore: Keystore,
  organization: string,
  identifier: string,
  now: number,
): Promise<User> {
  checkUserIdentifier(identifier);
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const found = await findUser(keystore, organization, identifier);
    if (found) return found;
    const user: User = { id: newId('usr'), organization, identifier, createdAt: now, tokensFrom: now };
    if (await claim(keystore, user)) return user;
  }
  throw keepsChanging('the user');
}

/** Stores a new user unless the identifier is taken. */
async function claim(keystore: Keystore, user: User): Promise<boolean> {
  const { organization, identifier, id } = user;
  const pointer = await keystore.read<string>(identifierKey(organization, identifier));
  // One that leads nowhere is left of a process that ended half-way.
  if (pointer && (await readUser(keystore, organization, pointer.value))) return false;
  await addToDirectory(keystore, ['users', organization], id);
  await keystore.write(userKey(organization, id), user);
  if (await keystore.replace(identifierKey(organization, identifier), pointer, id)) return true;
  await forget(keystore, user);
  return false;
}

export async function readUser(keystore: Keystore, organization: string, id: string): Promise<User | undefined> {
  return (await keystore.recall<User>(userKey(organization, id)))?.value;
}

export async function findUser(
  keystore: Keystore,
  organization: string,
  identifier: string,
): Promise<User | undefined> {
  // None has such a name, and what is not there is remembered too.
  if (identifier.length > LONGEST_NAME) return undefined;
  const pointer = await keystore.recall<string>(identifierKey(organization, identifier));
  return pointer && readUser(keystore, organization, pointer.value);
}

export async function listUsers(
  keystore: Keystore,
  organization: string,
  page: { readonly after?: Position | undefined; readonly limit: number },
): Promise<{ readonly users: readonly User[]; readonly next?: Position }> {
  const { ids, ...next } = await readDirectory(keystore, ['users', organization], page);
  const records = await keystore.readMany<User>(ids.map((id) => userKey(organization, id)));
  return { users: records.flatMap((it) => (it ? [it.value] : [])), ...next };
}

/** The user whose identifier and secret these are; undefined alike for a wrong one of either, and for the disabled. */
export async function authenticateUser(
  keystore: Keystore,
  organization: string,
  identifier: string,
  secret: string,
): Promise<User | undefined> {
  const user = await findUser(keystore, organization, identifier);
  const isRight = isSecret(user?.id ?? '', secret, user?.hash);
  // Not what somebody guesses: scrubbing would then blank words of their choice.
  return isRight && user?.disabledAt === undefined ? user : undefined;
}

/** A new secret in the place of the old one, with which the tokens got by the old one end. */
export async function rotateUserSecret(keystore: Keystore, user: User, now: number): Promise<NewUser> {
  const { secret, hash } = issue(user.id);
  return { user: await change(keystore, user, (it) => ({ ...it, hash, tokensFrom: now })), secret };
}

/** A disabled user keeps everything and is served nothing; their tokens stay ended. */
export const disableUser = (keystore: Keystore, user: User, now: number): Promise<User> =>
  change(keystore, user, (it) => ({ ...it, tokensFrom: now, disabledAt: it.disabledAt ?? now }));

export const enableUser = (keystore: Keystore, user: User): Promise<User> =>
  change(keystore, user, ({ disabledAt, ...it }) => it);

/** Removes the user itself, to be called when what is theirs has been removed. */
export async function deleteUser(keystore: Keystore, user: User): Promise<void> {
  const key = identifierKey(user.organization, user.identifier);
  const pointer = await keystore.read<string>(key);
  if (pointer?.value === user.id) await keystore.delete(key);
  await forget(keystore, user);
}

async function forget(keystore: Keystore, { organization, id }: User): Promise<void> {
  await keystore.delete(userKey(organization, id));
  await removeFromDirectory(keystore, ['users', organization], id);
}

function issue(id: string): { secret: string; hash: string } {
  const secret = `sk-user-${newSecret()}`;
  return { secret, hash: hashSecret(id, secret) };
}

const change = (keystore: Keystore, { organization, id }: User, rule: (user: User) => User): Promise<User> =>
  changeRecord<User>(keystore, userKey(organization, id), 'the user', (user) => {
    if (!user) throw unknownUser(id);
    return rule(user);
  });

/** The same for one that is not there and for one of another organization. */
export const unknownUser = (name: string): TielineError =>
  new TielineError('user_unknown', `there is no user ${quoted(name)}`, {
    hint: 'Create the user first, or look at the list of users.',
  });
