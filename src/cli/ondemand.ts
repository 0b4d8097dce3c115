import type { SigningKeys, SigningKeysOptions } from '../auth/signingkeys.ts';
import type { Config } from '../config.ts';
import type { OpenSql } from '../execute/sql.ts';
import type { Sender, SenderOptions } from '../network/send.ts';

/** Loads what signs with the first token: most commands sign none. */
export function signingKeysOnDemand(options: () => SigningKeysOptions): SigningKeys {
  let opened: Promise<SigningKeys> | undefined;
  const keys = () => {
    opened ??= import('../auth/signingkeys.ts').then(({ openSigningKeys }) => openSigningKeys(options()));
    return opened;
  };
  return {
    sign: async (token) => (await keys()).sign(token),
    verify: async (token, expected) => (await keys()).verify(token, expected),
    jwks: async () => (await keys()).jwks(),
    rotate: async () => (await keys()).rotate(),
  };
}

/** Loads what sends with the first request: a start sends none. Throws `config_invalid` for what is wrong with the policy. */
export async function senderOnDemand(policy: Config['network'], limits: SenderOptions = {}): Promise<Sender> {
  let opening: Promise<Sender> | undefined;
  let opened: Sender | undefined;
  const open = async () => {
    opening ??= import('../network/send.ts').then(({ createSender }) => createSender(policy, limits));
    opened = await opening;
    return opened;
  };
  // It checks these, and whoever wrote them waits for no request to be told.
  if (policy.allowPrivate.length > 0) await open();
  return {
    send: (request, options) => opened?.send(request, options) ?? open().then((it) => it.send(request, options)),
    close: async () => (await opening)?.close(),
  };
}

/** Loads what speaks to databases with the first connection. */
export const sqlOnDemand =
  (policy: Config['network']): OpenSql =>
  async (address) =>
    (await import('../execute/sql.ts')).sqlWithin(policy)(address);
