import { delimiter, join, resolve } from 'node:path';
import { TielineError } from '../errors.ts';
import { packageFolder } from '../package.ts';
import { type Entry, MCP_CLIENTS, type Setup } from './mcpclients.ts';
import { print } from './output.ts';

/** The program itself. */
export const mainFile = join(packageFolder, 'dist', 'main.js');

/** The entry that an MCP client needs to start this server. `env` holds only what differs from the defaults. */
export function clientConfig(env: Readonly<Record<string, string>> = {}) {
  const entry = { command: process.execPath, args: [mainFile, 'stdio'] };
  return { mcpServers: { tieline: { ...entry, ...(Object.keys(env).length > 0 && { env }) } } };
}

export type McpConfigOptions = { readonly client?: string; readonly http?: boolean; readonly json?: boolean };

/** `tieline mcp-config`: what to run or to paste, and where, so that an MCP client uses this server. */
export function mcpConfig({ client: name, http = false, json }: McpConfigOptions): void {
  const env = http ? {} : environment();
  const entry: Entry = http
    ? { transport: 'http', url: `${process.env.TIELINE_URL?.trim().replace(/\/$/, '') || 'http://127.0.0.1:8080'}/mcp` }
    : { transport: 'stdio', command: process.execPath, args: [mainFile, 'stdio'], env };
  const setup = setupFor(name, entry);
  print({ ...(name !== undefined && { client: name }), ...setup }, json && name !== undefined, textOf);
  const isRemote = name !== undefined && MCP_CLIENTS[name]?.isRemote?.(entry);
  if (isRemote && entry.transport === 'http' && !entry.url.startsWith('https://')) {
    process.stderr.write('It reaches servers on the internet by https alone: set TIELINE_URL to such an address.\n');
  }
  for (const variable of http ? [] : ['TIELINE_KEY', 'TIELINE_STORE']) {
    if (!isSecret(variable, process.env[variable] ?? '')) continue;
    process.stderr.write(`${variable} is set here and not printed: the client must be given it too.\n`);
  }
}

/** Without a client, the entry that most of them take. Throws `usage`. */
function setupFor(name: string | undefined, entry: Entry): Setup {
  if (name === undefined) {
    const content =
      entry.transport === 'http'
        ? { mcpServers: { tieline: { type: 'http', url: entry.url } } }
        : clientConfig(entry.env);
    return { kind: 'file', files: [], content };
  }
  const client = Object.hasOwn(MCP_CLIENTS, name) ? MCP_CLIENTS[name] : undefined;
  if (!client) {
    throw new TielineError('usage', `there is no client ${name}`, {
      hint: `Use one of: ${Object.keys(MCP_CLIENTS).join(', ')}`,
    });
  }
  const setup = client.setup(entry, process.platform);
  if (setup) return setup;
  throw new TielineError('usage', `${client.title} starts no programs on this machine`, { hint: 'Add --http.' });
}

function textOf(setup: Setup): string {
  if (setup.kind === 'run') return setup.command;
  if (setup.kind === 'settings') return `${setup.where}: ${setup.url}`;
  // Where to put it is for people, and what is put there for the file alone.
  if (setup.files.length > 0) process.stderr.write(`Put this into ${setup.files.join(', or ')}:\n`);
  return JSON.stringify(setup.content, null, 2);
}

/** What differs from the defaults, and may be shown. */
const environment = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(ABSOLUTE).flatMap(([name, absolute]) => {
      const value = process.env[name]?.trim();
      return value && !isSecret(name, value) ? [[name, absolute(value)]] : [];
    }),
  );

/** A key, or the URL of a store with a password in it. */
function isSecret(name: string, value: string): boolean {
  if (name === 'TIELINE_KEY') return value !== '' && value !== 'keychain';
  return name === 'TIELINE_STORE' && URL.canParse(value) && new URL(value).password !== '';
}

/** A client starts the server in a folder of its own, where relative paths would lead elsewhere. */
const ABSOLUTE: Readonly<Record<string, (value: string) => string>> = {
  TIELINE_KEY: (key) => key,
  TIELINE_HOME: (path) => resolve(path),
  TIELINE_KEY_FILE: (path) => resolve(path),
  TIELINE_CONNECTORS: (paths) =>
    paths
      .split(delimiter)
      .filter((it) => it !== '')
      .map((it) => resolve(it))
      .join(delimiter),
  TIELINE_STORE: (url) => url.replace(/^sqlite:(?:\/\/)?(.+)$/i, (_, path: string) => `sqlite:${resolve(path)}`),
};
