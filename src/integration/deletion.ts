import { TielineError } from '../errors.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { storeKey } from '../keystore/store.ts';
import type { Principal } from './principal.ts';

type Owner = Pick<Principal, 'organization' | 'user'>;

const key = ({ organization, user }: Owner) => storeKey('user_deleted', organization, user);

/** Longer than anything that was begun before can be under way: a sign-in has an hour. */
const KEPT = 24 * 60 * 60_000;

/** Says that a user is being deleted, to be called before what is theirs is looked for. */
export const noteDeletion = (keystore: Keystore, user: Owner): Promise<void> => keystore.write(key(user), true, KEPT);

/**
 * To be called once something of a user has been stored. Where they are deleted meanwhile it is undone, as nobody looks
 * for it any more, and `user_unknown` is thrown: either the deletion has found what was stored, or this finds the deletion.
 */
export async function unlessDeleted(keystore: Keystore, user: Owner, undo: () => Promise<unknown>): Promise<void> {
  if (!(await keystore.read<true>(key(user)))) return;
  await undo();
  throw new TielineError('user_unknown', 'the user was deleted meanwhile', { hint: 'Nothing was stored.' });
}
