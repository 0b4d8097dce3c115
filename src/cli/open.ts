import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { refreshesDone } from '../auth/fresh.ts';
import type { SigningKeys, SigningKeysOptions } from '../auth/signingkeys.ts';
import { type Config, readConfig } from '../config.ts';
import { type Catalog, type CatalogSource, loadCatalog } from '../connector/catalog.ts';
import { formOf } from '../connector/schema.ts';
import type { Values } from '../connector/values.ts';
import type { TielineError } from '../errors.ts';
import { fileAudit } from '../execute/audit.ts';
import type { Engine } from '../execute/engine.ts';
import { openPolicy } from '../execute/policy.ts';
import { sqlWithin } from '../execute/sql.ts';
import { readApp } from '../integration/app.ts';
import { localPrincipal } from '../integration/principal.ts';
import { openKeystore } from '../keystore/keystore.ts';
import { openNotices } from '../keystore/notices.ts';
import { log } from '../log.ts';
import { type ChangeBus, openBus } from '../mcp/bus.ts';
import { createSender } from '../network/send.ts';
import { remember } from '../secret.ts';

/** The definitions that come with the package. */
export const shippedConnectors = fileURLToPath(new URL('../../connectors', import.meta.url));

export type Opened = {
  readonly engine: Engine;
  readonly signingKeys: SigningKeys;
  readonly config: Config;
  /** Carries changes to the other processes on the store, where it is a server. */
  readonly bus: ChangeBus;
  /** The file of the store; undefined where the store is none. */
  readonly storeFile: string | undefined;
  /** Reads the definitions again and gives them to the engine. */
  reload(): Promise<void>;
  close(): Promise<void>;
};

/** How long closing waits for a refresh under way, in milliseconds: a client that ends us kills us a little later. */
const PATIENCE = 4_000;

/** Opens everything that a command on this machine needs. A broken definition is logged and left out. */
export async function openEngine(env: NodeJS.ProcessEnv = process.env): Promise<Opened> {
  const config = await readConfig(env);
  const { keystore, notice, storeUrl } = await openKeystore({ home: config.home, env });
  if (notice !== undefined) log.info(notice);
  const onProblem = (error: TielineError) => log.error(error.message, { hint: error.hint });
  const audit = fileAudit(join(config.home, 'audit.jsonl'), (error) => log.error(error.message));
  const sender = createSender(config.network);
  const issuer = env.TIELINE_URL?.trim() || 'tieline';
  const signingKeys = signingKeysWhenNeeded({ keystore, now: Date.now, issuer });
  const notices = openNotices(env.TIELINE_STORE?.trim() ?? '');
  const bus = openBus(notices);
  const engine: Engine = {
    catalog: await openCatalog(config, onProblem),
    keystore,
    signingKeys,
    sender,
    sql: sqlWithin(config.network),
    audit,
    policy: (connector) => config.connectors[connector] ?? openPolicy,
    app: async (connector, organization): Promise<Values> => {
      const own = await readApp(keystore, organization, connector);
      const operators = config.connectors[connector]?.app;
      // On one's own machine the file has the last word; an organization's own app comes before the operator's.
      const app = organization === localPrincipal.organization ? { ...own, ...operators } : { ...operators, ...own };
      const { fields } = formOf(engine.catalog.connector(connector).definition.app?.schema);
      for (const [name, value] of Object.entries(app)) {
        // What the definition shows openly, such as an address, may be read in messages too.
        if (typeof value === 'string' && (!fields[name] || fields[name].secret)) remember(value);
      }
      return app;
    },
    changed: bus.publish,
    now: Date.now,
  };
  return {
    engine,
    signingKeys,
    config,
    bus,
    storeFile: /^sqlite:(?:\/\/)?(.+)$/i.exec(storeUrl)?.[1],
    async reload() {
      engine.catalog = await openCatalog(config, onProblem);
    },
    async close() {
      await Promise.race([refreshesDone(), sleep(PATIENCE, undefined, { ref: false })]);
      await Promise.all([sender.close(), audit.close(), notices.close(), keystore.close()]);
    },
  };
}

type Choice = Pick<Config, 'home' | 'folders' | 'connectors'> & { readonly enabled?: Config['enabled'] | 'all' };

/** Loads what signs with the first token: most commands sign none. */
function signingKeysWhenNeeded(options: SigningKeysOptions): SigningKeys {
  let opened: Promise<SigningKeys> | undefined;
  const keys = () => {
    opened ??= import('../auth/signingkeys.ts').then(({ openSigningKeys }) => openSigningKeys(options));
    return opened;
  };
  return {
    sign: async (token) => (await keys()).sign(token),
    verify: async (token, expected) => (await keys()).verify(token, expected),
    jwks: async () => (await keys()).jwks(),
    rotate: async () => (await keys()).rotate(),
  };
}

/** The catalog of the shipped connectors and the user's own. */
export async function openCatalog(config: Choice, onProblem?: (error: TielineError) => void): Promise<Catalog> {
  return loadCatalog(await catalogSource(config), onProblem);
}

/** Where the definitions of connections are. The folder is made with the first one. */
export const connectionsFolder = ({ home }: Pick<Config, 'home'>): string => join(home, 'connectors');

/** What the configuration says of definitions. Connections are on: whoever does not want one removes it. */
export async function catalogSource(config: Choice): Promise<CatalogSource> {
  const { folders, enabled, connectors } = config;
  const connections = connectionsFolder(config);
  const names = await readdir(connections).catch(() => undefined);
  const own = (names ?? []).filter((it) => existsSync(join(connections, it, 'connector.yaml')));
  return {
    folders: [shippedConnectors, ...folders, ...(names ? [connections] : [])],
    enabled: Array.isArray(enabled) ? [...enabled, ...own] : enabled,
    named: Object.keys(connectors),
  };
}
