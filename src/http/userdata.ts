import { isTielineError } from '../errors.ts';
import type { Engine } from '../execute/engine.ts';
import { revokeAccount } from '../execute/revoke.ts';
import { forgetAll, readIntegrations, removeIntegration } from '../integration/accounts.ts';
import { noteDeletion } from '../integration/deletion.ts';
import { endAllGrants } from '../integration/grant.ts';
import { revokeAllPersonalTokens } from '../integration/personaltoken.ts';
import { deleteUser, disableUser, type User } from '../integration/user.ts';
import { userConnectors } from '../integration/userconnectors.ts';
import { log } from '../log.ts';
import { principalOf } from './caller.ts';

/** Deletes a user with all that is theirs. Tokens are ended at their providers too, where those can be reached. */
export async function deleteUserWithAll(engine: Engine, user: User): Promise<void> {
  const { keystore, catalog, now } = engine;
  const who = principalOf(user);
  // From here on nobody comes in who could add to it.
  await disableUser(keystore, user, now());
  await noteDeletion(keystore, who);
  for (const name of await userConnectors(keystore, who)) {
    const { items } = await readIntegrations(keystore, who, name);
    const connector = catalog.connectors.find((it) => it.name === name);
    for (const integration of items) {
      if (connector) await revokeAccount(engine, who, connector, integration).catch(notRevoked);
      await removeIntegration(keystore, who, name, integration.identifier);
    }
  }
  await revokeAllPersonalTokens(keystore, user);
  await endAllGrants(keystore, user, now());
  await deleteUser(keystore, user);
  // Read again: one may have been noted meanwhile.
  await forgetAll(keystore, who, await userConnectors(keystore, who));
}

/** What the user wants gone here must not stay because a provider is down. */
function notRevoked(error: unknown): void {
  if (!isTielineError(error)) throw error;
  log.warn('tokens were not ended at their provider', { code: error.code });
}
