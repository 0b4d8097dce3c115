import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { refreshesDone } from '../auth/fresh.ts';
import { type Config, readConfig } from '../config.ts';
import { type Catalog, loadCatalog } from '../connector/catalog.ts';
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
import { log } from '../log.ts';
import { createSender } from '../network/send.ts';
import { remember } from '../secret.ts';

/** The definitions that come with the package. */
export const shippedConnectors = fileURLToPath(new URL('../../connectors', import.meta.url));

export type Opened = {
  readonly engine: Engine;
  readonly config: Config;
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
  const sender = createSender({ allowPrivate: config.network.allowPrivate });
  const engine: Engine = {
    catalog: await openCatalog(config, onProblem),
    keystore,
    sender,
    sql: sqlWithin(config.network),
    audit,
    policy: (connector) => config.connectors[connector] ?? openPolicy,
    app: async (connector): Promise<Values> => {
      const app = { ...(await readApp(keystore, localPrincipal, connector)), ...config.connectors[connector]?.app };
      const { fields } = formOf(engine.catalog.connector(connector).definition.app?.schema);
      for (const [name, value] of Object.entries(app)) {
        // What the definition shows openly, such as an address, may be read in messages too.
        if (typeof value === 'string' && (!fields[name] || fields[name].secret)) remember(value);
      }
      return app;
    },
    now: Date.now,
  };
  return {
    engine,
    config,
    storeFile: /^sqlite:(?:\/\/)?(.+)$/i.exec(storeUrl)?.[1],
    async reload() {
      engine.catalog = await openCatalog(config, onProblem);
    },
    async close() {
      await Promise.race([refreshesDone(), sleep(PATIENCE, undefined, { ref: false })]);
      await Promise.all([sender.close(), audit.close(), keystore.close()]);
    },
  };
}

/** The catalog of the shipped connectors and the user's own. */
export function openCatalog(
  config: Pick<Config, 'folders' | 'connectors'> & { readonly enabled?: Config['enabled'] | 'all' },
  onProblem?: (error: TielineError) => void,
): Promise<Catalog> {
  const folders = [shippedConnectors, ...config.folders];
  return loadCatalog({ folders, enabled: config.enabled, named: Object.keys(config.connectors) }, onProblem);
}
