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
  const names = ['TIELINE_HOME', 'TIELINE_STORE', 'TIELINE_CONNECTORS', 'TIELINE_KEY_FILE'];
  const env = Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
  print(clientConfig(env), true, () => '');
}
