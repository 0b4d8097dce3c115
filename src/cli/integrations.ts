import {
  readAllIntegrations,
  removeIntegration,
  renameIntegration,
  setDefaultIntegration,
} from '../integration/accounts.ts';
import { checkIdentifier, type Integrations } from '../integration/integration.ts';
import { localPrincipal } from '../integration/principal.ts';
import { openEngine } from './open.ts';
import { print, table } from './output.ts';

type Json = { readonly json?: boolean };

/** `tieline integrations list` */
export async function list({ json }: Json): Promise<void> {
  const { engine, close } = await openEngine();
  try {
    const names = engine.catalog.connectors.map((it) => it.name);
    const all = await readAllIntegrations(engine.keystore, localPrincipal, names);
    const rows = [...all].flatMap(([connector, of]) => of.items.map((it) => row(connector, of, it.id)));
    print(rows, json, () =>
      rows.length === 0
        ? 'No account is connected yet. Connect one with: tieline connect <connector>'
        : table(
            ['CONNECTOR', 'IDENTIFIER', 'DEFAULT', 'ACCOUNT', 'OPTION', 'SINCE'],
            rows.map((it) => [
              it.connector,
              it.identifier,
              it.isDefault ? 'yes' : '',
              it.account ?? '',
              it.option,
              it.createdAt.slice(0, 10),
            ]),
          ),
    );
  } finally {
    await close();
  }
}

function row(connector: string, all: Integrations, id: string) {
  const it = all.items.find((item) => item.id === id);
  if (!it) throw new Error(`no integration ${id}`);
  const account = typeof it.account.label === 'string' ? it.account.label : undefined;
  const createdAt = new Date(it.createdAt).toISOString();
  return { connector, identifier: it.identifier, isDefault: all.default === id, account, option: it.option, createdAt };
}

/** `tieline integrations default <connector> <identifier>` */
export const setDefault = (connector: string, identifier: string, { json }: Json): Promise<void> =>
  change(connector, json, async (engine) => {
    await setDefaultIntegration(engine.keystore, localPrincipal, connector, identifier);
    return { connector, default: identifier, done: `${identifier} is the default account of ${connector}.` };
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
    const left = await removeIntegration(engine.keystore, localPrincipal, connector, identifier);
    const now = left.items.find((it) => it.id === left.default)?.identifier ?? null;
    const then = now === null ? 'No account is left.' : `The default account is ${now}.`;
    return { connector, removed: identifier, default: now, done: `Removed ${identifier} of ${connector}. ${then}` };
  });

type Engine = Awaited<ReturnType<typeof openEngine>>['engine'];

async function change<T extends { done: string }>(
  connector: string,
  json: boolean | undefined,
  work: (engine: Engine) => Promise<T>,
): Promise<void> {
  const { engine, close } = await openEngine();
  try {
    engine.catalog.connector(connector);
    const { done, ...facts } = await work(engine);
    print(facts, json, () => done);
  } finally {
    await close();
  }
}
