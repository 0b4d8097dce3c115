import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import type { ConfigFile } from './configfile.ts';
import { TielineError } from './errors.ts';

export type { ConnectorConfig } from './configfile.ts';

export type Config = Readonly<ConfigFile> & {
  /** Data folder, absolute. `TIELINE_HOME`, or `.tieline` in the user's home. */
  readonly home: string;
  readonly file: string;
  /** Folders with definitions besides the shipped ones. `TIELINE_CONNECTORS`. */
  readonly folders: readonly string[];
};

/** What a file says in which nothing stands. Most homes have none, and then what reads one need not be loaded. */
const nothing = (): ConfigFile => ({
  connectors: {},
  network: { allowPrivate: [], connectTo: {}, allowFiles: [] },
  limits: { callsPerAccount: 64, requestsPerHost: 256 },
  audit: { onFailure: 'continue' },
  server: {
    authorizationServer: true,
    trustedProxies: [],
    requestsPerMinute: 600,
    drain: { readinessDelay: 5_000, timeout: 60_000 },
    scopes: 'wide',
    issuers: [],
    clients: [],
  },
});

/** Environment and file as one frozen value. Throws `config_invalid` that names every problem at once. */
export async function readConfig(env: NodeJS.ProcessEnv): Promise<Config> {
  const home = resolve(env.TIELINE_HOME || join(homedir(), '.tieline'));
  const file = join(home, 'config.yaml');
  const folders = (env.TIELINE_CONNECTORS ?? '')
    .split(delimiter)
    .filter((it) => it !== '')
    .map((it) => resolve(it));
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return '';
    throw new TielineError('config_invalid', `${file} cannot be read (${cause.code})`, {
      hint: 'Make it a file that the user who runs Tieline may read.',
      cause,
    });
  });
  const isEmpty = text.split('\n').every((line) => /^\s*(?:#|$)/.test(line));
  const says = isEmpty ? nothing() : (await import('./configfile.ts')).parseConfig(text, file, env);
  return Object.freeze({ ...says, home, file, folders });
}
