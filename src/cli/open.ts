import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { saveSpooled } from '../auth/saving.ts';
import type { SigningKeys } from '../auth/signingkeys.ts';
import { openSpool } from '../auth/spool.ts';
import { type Config, readConfig } from '../config.ts';
import { type Catalog, type CatalogSource, loadCatalog } from '../connector/catalog.ts';
import type { TielineError } from '../errors.ts';
import { openAdmission } from '../execute/admission.ts';
import { type FileAudit, fileAudit } from '../execute/auditfile.ts';
import type { Engine } from '../execute/engine.ts';
import { openPolicy } from '../execute/policy.ts';
import { appSettings } from '../integration/appsettings.ts';
import { openKeystore } from '../keystore/keystore.ts';
import { openNotices } from '../keystore/notices.ts';
import { log } from '../log.ts';
import { type ChangeBus, openBus } from '../mcp/bus.ts';
import { packageFolder } from '../package.ts';
import { finishRefreshes } from './finishing.ts';
import { senderOnDemand, signingKeysOnDemand, sqlOnDemand } from './ondemand.ts';
import { publicUrl } from './publicurl.ts';

/** The definitions that come with the package. */
export const shippedConnectors = join(packageFolder, 'connectors');

export type Opened = {
  readonly engine: Engine;
  readonly audit: FileAudit;
  readonly signingKeys: SigningKeys;
  readonly config: Config;
  /** Carries changes to the other processes on the store, where it is a server. */
  readonly bus: ChangeBus;
  /** The file of the store; undefined where the store is none. */
  readonly storeFile: string | undefined;
  /** Reads the definitions again and gives them to the engine. */
  reload(): Promise<void>;
  /** Waits for refreshes under way, and for what they gave to be saved: a minute, if a provider takes that long. */
  close(): Promise<void>;
};

/** Issuer of tokens where no address is known at which their keys could be had. */
export const NAMELESS_ISSUER = 'tieline';

/**
 * Opens everything that a command on this machine needs. A broken definition is logged and left out. `issuer` is asked
 * when the first token is signed.
 */
export async function openEngine(
  env: NodeJS.ProcessEnv = process.env,
  issuer: () => string = () => publicUrl(env) ?? NAMELESS_ISSUER,
): Promise<Opened> {
  const config = await readConfig(env);
  const { keystore, notice, storeUrl } = await openKeystore({ home: config.home, env });
  if (notice !== undefined) log.info(notice);
  const onProblem = (error: TielineError) => log.error(error.message, { hint: error.hint });
  const audit = fileAudit(auditFile(config), (error) => log.error(error.message, { hint: error.hint }), {
    ...config.audit,
    onResumed: (dropped) => log.warn('the audit log is written again', { dropped }),
  });
  const sender = await senderOnDemand(config.network, { requestsPerHost: config.limits.requestsPerHost });
  const signingKeys = signingKeysOnDemand(() => ({ keystore, now: Date.now, issuer: issuer() }));
  const notices = openNotices(env.TIELINE_STORE?.trim() ?? '');
  const bus = openBus(notices);
  const settings = appSettings(keystore, (connector) => config.connectors[connector]?.app);
  const spool = openSpool(config.home, storeUrl, keystore);
  const engine: Engine = {
    catalog: await openCatalog(config, onProblem),
    keystore,
    spool,
    signingKeys,
    sender,
    sql: sqlOnDemand(config.network),
    audit,
    admission: openAdmission(config.limits),
    policy: (connector) => config.connectors[connector] ?? openPolicy,
    scopeGrain: config.server.scopes,
    app: (connector, organization) => settings(engine.catalog.connector(connector), organization),
    changed: bus.publish,
    now: Date.now,
  };
  const takingUp = saveSpooled(keystore, spool).catch((error: unknown) =>
    log.error('what an earlier process left to be saved could not be taken up', { error }),
  );
  return {
    engine,
    audit,
    signingKeys,
    config,
    bus,
    storeFile: /^sqlite:(?:\/\/)?(.+)$/i.exec(storeUrl)?.[1],
    async reload() {
      engine.catalog = await openCatalog(config, onProblem);
    },
    async close() {
      await takingUp;
      await finishRefreshes();
      await Promise.all([sender.close(), audit.close(), notices.close(), keystore.close()]);
    },
  };
}

type Choice = Pick<Config, 'home' | 'folders' | 'connectors'> & { readonly enabled?: Config['enabled'] | 'all' };

/** Says in the log why what is stored may be lost all the same. For programs that stay. */
export async function tellWeaknesses({ engine }: Pick<Opened, 'engine'>): Promise<void> {
  const weaknesses = await engine.keystore.weaknesses().catch(() => []); // who needs the store will hear of it
  for (const it of weaknesses) log.warn(it);
}

/** The catalog of the shipped connectors and the user's own. */
export async function openCatalog(config: Choice, onProblem?: (error: TielineError) => void): Promise<Catalog> {
  return loadCatalog(await catalogSource(config), onProblem);
}

/** Where a line is kept of each call. */
export const auditFile = ({ home }: Pick<Config, 'home'>): string => join(home, 'audit.jsonl');

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
