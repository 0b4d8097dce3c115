import { watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Server } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import type { Engine } from '../execute/engine.ts';
import type { Principal } from '../integration/principal.ts';
import { log } from '../log.ts';
import { listTools, mcpServer } from './server.ts';

export type Watched = {
  readonly path: string;
  /** Whether a change means that definitions must be read again. */
  readonly reload: boolean;
  /** Only files whose names start like this; absent is all. */
  readonly prefix?: string;
};

export type StdioOptions = {
  /** Folders whose changes may change the tool list: that of the store, and those of definitions. */
  readonly folders: readonly Watched[];
  /** Reads the definitions again. */
  readonly reload: () => Promise<void>;
};

/** Serves MCP on stdin and stdout, both protocol eras, until stdin ends. */
export async function runStdio(engine: Engine, who: Principal, options: StdioOptions): Promise<void> {
  const servers = new Set<Server>();
  const handle = serveStdio(
    () => {
      const server = mcpServer(engine, who);
      servers.add(server);
      server.onclose = () => servers.delete(server);
      return server;
    },
    { onerror: (error) => log.debug('protocol error', { error }) },
  );
  const stopWatching = await announceChanges(engine, who, options, servers);
  await new Promise<void>((resolve) => {
    process.stdin.once('close', resolve);
    process.stdin.once('end', resolve);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  stopWatching();
  await handle.close();
}

const QUIET = 200;

/** Tells clients when the tool list has become another one: an account was linked elsewhere, or a file was edited. */
async function announceChanges(
  engine: Engine,
  who: Principal,
  { folders, reload }: StdioOptions,
  servers: ReadonlySet<Server>,
): Promise<() => void> {
  let last = JSON.stringify(await listTools(engine, who));
  let timer: NodeJS.Timeout | undefined;
  let mustReload = false;
  const look = async () => {
    if (mustReload) await reload();
    mustReload = false;
    const now = JSON.stringify(await listTools(engine, who));
    if (now === last) return;
    last = now;
    for (const server of servers) await server.sendToolListChanged().catch(() => {});
  };
  const watchers = folders.map((folder) =>
    watch(folder.path, { persistent: false }, (_, file) => {
      if (folder.prefix !== undefined && !file?.startsWith(folder.prefix)) return;
      mustReload ||= folder.reload;
      clearTimeout(timer);
      timer = setTimeout(() => void look().catch((error) => log.warn('cannot look for changes', { error })), QUIET);
      timer.unref();
    }),
  );
  for (const watcher of watchers) watcher.on('error', (error) => log.debug('cannot watch', { error }));
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}

/** The folders of definitions: each one, and those of its connectors, as watching is not recursive everywhere. */
export async function definitionFolders(roots: readonly string[]): Promise<Watched[]> {
  const found = await Promise.all(
    roots.map(async (root) => {
      const entries = await readdir(root, { withFileTypes: true });
      return [root, ...entries.filter((it) => it.isDirectory()).map((it) => join(root, it.name))];
    }),
  );
  return found.flat().map((path) => ({ path, reload: true }));
}
