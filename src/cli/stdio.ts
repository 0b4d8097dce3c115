import { localPrincipal } from '../integration/principal.ts';
import { log } from '../log.ts';
import { definitionFolders, runStdio } from '../mcp/stdio.ts';
import { openEngine, shippedConnectors } from './open.ts';

/** `tieline stdio`: the MCP server that a local client starts. */
export async function stdio(): Promise<void> {
  // Whatever a library prints must not get between the protocol's messages.
  console.log = console.info = console.debug = (...parts: unknown[]) => log.debug(parts.map(String).join(' '));
  const { engine, config, reload, close } = await openEngine();
  try {
    const definitions = await definitionFolders([shippedConnectors, ...config.folders]);
    const store = { path: config.home, reload: false, prefix: 'tieline.db' };
    await runStdio(engine, localPrincipal, { folders: [store, ...definitions], reload });
  } finally {
    await close();
  }
}
