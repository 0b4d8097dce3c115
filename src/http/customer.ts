import { TielineError } from '../errors.ts';
import type { Principal } from '../integration/principal.ts';
import { ensureUser, findUser, type User, unknownUser } from '../integration/user.ts';
import { quoted } from '../quoted.ts';
import { principalOf } from './caller.ts';
import type { Backend, Caller } from './context.ts';

/** The user a request is for, and as whom it is carried out. */
export type Customer = { readonly user: User; readonly who: Principal };

/**
 * Whom `customer_name` means: for a user nobody but themselves, for a client any user of the organization, who is made
 * on first mention where `create` says so. Throws `user_unknown`, and `arguments_invalid` where it must be named.
 */
export async function customerOf(
  { engine }: Backend,
  caller: Caller,
  name: string | undefined,
  { create = false }: { readonly create?: boolean } = {},
): Promise<Customer> {
  if (caller.kind === 'user') {
    if (name !== undefined && name !== caller.user.identifier) throw unknownUser(name);
    return { user: caller.user, who: principalOf(caller.user) };
  }
  if (name === undefined) {
    throw new TielineError('arguments_invalid', 'customer_name is missing', {
      hint: 'Name the user, or send the login token of the user.',
    });
  }
  const { keystore, now } = engine;
  const user = create
    ? await ensureUser(keystore, caller.organization, name, now())
    : await findUser(keystore, caller.organization, name);
  if (!user) throw unknownUser(name);
  return { user: enabled(user), who: principalOf(user) };
}

/** Throws `user_disabled`. */
export function enabled(user: User): User {
  if (user.disabledAt === undefined) return user;
  throw new TielineError('user_disabled', `the user ${quoted(user.identifier)} is disabled`, {
    hint: 'Enable the user first: PATCH /api/v1/users/{id} with disabled: false.',
  });
}
