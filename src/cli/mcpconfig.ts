import { delimiter, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { print } from './output.ts';

/** The program itself, beside this file once built. */
export const mainFile = fileURLToPath(new URL('../main.js', import.meta.url));

/** The entry that an MCP client needs to start this server. `env` holds only what differs from the defaults. */
export function clientConfig(env: Readonly<Record<string, string>> = {}) {
  const entry = { command: process.execPath, args: [mainFile, 'stdio'] };
  return { mcpServers: { tieline: { ...entry, ...(Object.keys(env).length > 0 && { env }) } } };
}

/** `tieline mcp-config`: what to paste into the configuration of an MCP client. */
export function mcpConfig(): void {
  const env = Object.fromEntries(
    Object.entries(ABSOLUTE).flatMap(([name, absolute]) => {
      const value = process.env[name]?.trim();
      return value && !isSecret(name, value) ? [[name, absolute(value)]] : [];
    }),
  );
  print(clientConfig(env), true, () => '');
  for (const name of ['TIELINE_KEY', 'TIELINE_STORE']) {
    if (!isSecret(name, process.env[name] ?? '')) continue;
    process.stderr.write(`${name} is set here and not printed: the client must be given it too.\n`);
  }
}

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
