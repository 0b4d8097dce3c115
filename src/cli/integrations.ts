import type { Engine } from '../execute/engine.ts';
import { accountStatus } from '../execute/health.ts';
import { disconnectAccount, revokeIntegration } from '../execute/revoke.ts';
import { readAllIntegrations, renameIntegration, setDefaultIntegration, setDisabled } from '../integration/accounts.ts';
import { accountLabel, checkIdentifier } from '../integration/integration.ts';
import { localPrincipal } from '../integration/principal.ts';
import type { Status } from '../integration/status.ts';
import { openEngine } from './open.ts';
import { print, table } from './output.ts';

type Json = { readonly json?: boolean };

/** `tieline integrations list` */
export async function list({ json }: Json): Promise<void> {
  const { engine, close } = await openEngine();
  try {
    const rows = await listAccounts(engine);
    print(rows, json, () =>
      rows.length === 0
        ? 'No account is connected yet. Connect one with: tieline connect <connector>'
        : [
            table(
              ['CONNECTOR', 'IDENTIFIER', 'DEFAULT', 'ACCOUNT', 'STATUS', 'TOKEN UNTIL'],
              rows.map((it) => [
                it.connector,
                it.identifier,
                it.isDefault ? 'yes' : '',
                it.account ?? '',
                it.status,
                it.expiresAt?.slice(0, 16).replace('T', ' ') ?? '',
              ]),
            ),
            ...rows.flatMap(troubles),
          ].join('\n'),
    );
  } finally {
    await close();
  }
}

export type Row = {
  readonly connector: string;
  readonly identifier: string;
  readonly isDefault: boolean;
  readonly account: string | undefined;
  readonly option: string;
  readonly createdAt: string;
  readonly status: Status['status'];
  readonly cause?: string | undefined;
  readonly since?: string | undefined;
  readonly expiresAt?: string | undefined;
  readonly nextStep?: string | undefined;
  readonly forecast?: Status['forecast'];
};

/** Every account of this machine's user, with how it is. */
export async function listAccounts(engine: Engine): Promise<Row[]> {
  const names = engine.catalog.connectors.map((it) => it.name);
  const all = await readAllIntegrations(engine.keystore, localPrincipal, names);
  const rows = [...all].flatMap(([connector, of]) =>
    of.items.map(async (it): Promise<Row> => {
      const { at, expiresAt, ...status } = await accountStatus(engine, localPrincipal, it);
      return {
        connector,
        identifier: it.identifier,
        isDefault: of.default === it.id,
        account: accountLabel(it),
        option: it.option,
        createdAt: time(it.createdAt),
        ...status,
        ...(at !== undefined && { since: time(at) }),
        ...(expiresAt !== undefined && { expiresAt: time(expiresAt) }),
      };
    }),
  );
  return Promise.all(rows);
}

const time = (at: number): string => new Date(at).toISOString();

/** What a person should know of an account besides its line. */
export function troubles(it: Row): string[] {
  const coming = (it.forecast ?? []).map(({ message }) => message).filter((message) => message !== it.cause);
  const said = [it.cause, ...coming, it.nextStep].filter((text) => text !== undefined);
  return said.length === 0 ? [] : [`\n${it.connector} ${it.identifier}: ${said.join('\n  ')}`];
}

/** `tieline integrations default <connector> <identifier>` */
export const setDefault = (connector: string, identifier: string, { json }: Json): Promise<void> =>
  change(connector, json, async (engine) => {
    await setDefaultIntegration(engine.keystore, localPrincipal, connector, identifier);
    return { connector, default: identifier, done: `${identifier} is the default account of ${connector}.` };
  });

/** `tieline integrations disable <connector> <identifier>` */
export const disable = (connector: string, identifier: string, { json }: Json): Promise<void> =>
  change(connector, json, async (engine) => {
    await setDisabled(engine.keystore, localPrincipal, connector, identifier, engine.now());
    const done = `${identifier} of ${connector} serves no calls until you enable it.`;
    return { connector, identifier, disabled: true, done };
  });

/** `tieline integrations enable <connector> <identifier>` */
export const enable = (connector: string, identifier: string, { json }: Json): Promise<void> =>
  change(connector, json, async (engine) => {
    await setDisabled(engine.keystore, localPrincipal, connector, identifier, undefined);
    return { connector, identifier, disabled: false, done: `${identifier} of ${connector} serves calls.` };
  });

/** `tieline integrations revoke <connector> <identifier>` */
export const endAccess = (connector: string, identifier: string, { json }: Json): Promise<void> =>
  change(connector, json, async (engine) => {
    const of = engine.catalog.connector(connector);
    const revoked = await revokeIntegration(engine, localPrincipal, of, identifier);
    const told = revoked ? 'Its tokens are revoked at the provider' : 'The provider has no way to be told';
    const done = `Ended the access of ${identifier} of ${connector}. ${told}, and its credentials are wiped here.`;
    return { connector, identifier, revoked, done };
  });

/** `tieline integrations rename <connector> <identifier> <new>` */
export const rename = (connector: string, identifier: string, next: string, { json }: Json): Promise<void> =>
  change(connector, json, async (engine) => {
    const name = checkIdentifier(next);
    await renameIntegration(engine.keystore, localPrincipal, connector, identifier, name);
    return { connector, identifier: name, done: `${identifier} of ${connector} is now ${name}.` };
  });

/** `tieline integrations remove <connector> <identifier>` */
export const remove = (connector: string, identifier: string, { json }: Json): Promise<void> =>
  change(connector, json, async (engine) => {
    const of = engine.catalog.connector(connector);
    const { left, revoked } = await disconnectAccount(engine, localPrincipal, of, identifier);
    const now = left.items.find((it) => it.id === left.default)?.identifier ?? null;
    const then = now === null ? 'No account is left.' : `The default account is ${now}.`;
    const told = revoked === true ? ' Its tokens are revoked at the provider.' : '';
    const warned = typeof revoked === 'string' ? `\nIts tokens could not be revoked: ${revoked}` : '';
    const done = `Removed ${identifier} of ${connector}.${told} ${then}${warned}`;
    return { connector, removed: identifier, default: now, revoked, done };
  });

async function change<T extends { done: string }>(
  connector: string,
  json: boolean | undefined,
  work: (engine: Engine) => Promise<T>,
): Promise<void> {
  const { engine, close } = await openEngine();
  try {
    engine.catalog.connector(connector);
    const { done, ...facts } = await work(engine);
    engine.changed?.(localPrincipal);
    print(facts, json, () => done);
  } finally {
    await close();
  }
}
