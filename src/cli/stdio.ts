import { localPrincipal } from '../integration/principal.ts';
import { log } from '../log.ts';
import type { Linker } from '../mcp/link.ts';
import { runStdio } from '../mcp/stdio.ts';
import { connectionsFolder, openEngine, shippedConnectors, tellWeaknesses } from './open.ts';
import type { Pairing } from './pairing.ts';
import { surviveFaults } from './survival.ts';

/** `tieline stdio`: the MCP server that a local client starts. */
export async function stdio(): Promise<void> {
  // Whatever a library prints must not get between the protocol's messages.
  console.log = console.info = console.debug = (...parts: unknown[]) => log.debug(parts.map(String).join(' '));
  const opened = await openEngine();
  surviveFaults();
  void tellWeaknesses(opened);
  const { engine, config, storeFile, reload, close, bus } = opened;
  let pairing: Promise<Pairing> | undefined;
  // Most sessions link nothing, and a start does not wait for the pages.
  const link: Linker = async (who, wanted) => {
    pairing ??= import('./pairing.ts').then(({ openPairing }) => openPairing(opened));
    return (await pairing).link(who, wanted);
  };
  try {
    const definitions = [shippedConnectors, ...config.folders, connectionsFolder(config)];
    await runStdio(engine, localPrincipal, { storeFile, definitions, reload, bus, link });
  } finally {
    await (await pairing)?.close();
    await close();
  }
}
