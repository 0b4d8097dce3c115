import { localPrincipal } from '../integration/principal.ts';
import { log } from '../log.ts';
import { runStdio } from '../mcp/stdio.ts';
import { connectionsFolder, openEngine, shippedConnectors } from './open.ts';
import { openPairing } from './pairing.ts';

/** `tieline stdio`: the MCP server that a local client starts. */
export async function stdio(): Promise<void> {
  // Whatever a library prints must not get between the protocol's messages.
  console.log = console.info = console.debug = (...parts: unknown[]) => log.debug(parts.map(String).join(' '));
  const opened = await openEngine();
  const { engine, config, storeFile, reload, close } = opened;
  const pairing = openPairing(opened);
  try {
    const definitions = [shippedConnectors, ...config.folders, connectionsFolder(config)];
    await runStdio(engine, localPrincipal, { storeFile, definitions, reload, bus: opened.bus, link: pairing.link });
  } finally {
    await pairing.close();
    await close();
  }
}
