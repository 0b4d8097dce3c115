import type { Server } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { TielineError } from '../errors.ts';
import type { Engine } from '../execute/engine.ts';
import type { Principal } from '../integration/principal.ts';
import { log } from '../log.ts';
import type { ChangeBus } from './bus.ts';
import { type Places, watchChanges } from './changes.ts';
import type { Linker } from './link.ts';
import { mcpServer } from './server.ts';
import { openShortcut } from './shortcut.ts';
import { toolListJson } from './tooljson.ts';
import { StdioWire } from './wire.ts';

export type StdioOptions = Places & {
  /** See `ServerOptions`. */
  readonly link?: Linker | undefined;
  /** Tells of changes that no file shows. */
  readonly bus?: Pick<ChangeBus, 'subscribe' | 'listen'> | undefined;
  /** Reads the definitions again. */
  readonly reload: () => Promise<void>;
};

/**
 * Serves MCP on stdin and stdout, both protocol eras, until stdin has ended and what it asked for is answered, or a
 * signal asks for it. Throws `usage` when the connection had to be given up, as when nobody reads stdout any more.
 */
export async function runStdio(engine: Engine, who: Principal, options: StdioOptions): Promise<void> {
  const servers = new Set<Server>();
  const shortcut = openShortcut(engine, who, { link: options.link, server: () => [...servers].at(-1) });
  const wire = new StdioWire(shortcut.intercept);
  wire.onsend = shortcut.note;
  let problem: Error | undefined;
  const handle = serveStdio(
    () => {
      const server = mcpServer(engine, who, { link: options.link });
      servers.add(server);
      server.onclose = () => servers.delete(server);
      return server;
    },
    {
      transport: wire,
      onerror: (error) => {
        problem = error;
        log.debug('protocol error', { error });
      },
    },
  );
  const ended = untilEnd(wire);
  let stopWatching: (() => void) | undefined;
  try {
    stopWatching = await announceChanges(engine, who, options, servers);
    if ((await ended) === 'given up') {
      throw new TielineError('usage', `the connection was given up: ${problem?.message ?? 'it broke'}`);
    }
  } finally {
    stopWatching?.();
    shortcut.close();
    await handle.close();
  }
}

/** Listens at once: stdin may end while the rest is still being set up. */
function untilEnd(wire: StdioWire): Promise<'over' | 'given up'> {
  return new Promise((resolve) => {
    const close = wire.onclose;
    wire.onclose = () => {
      close?.();
      resolve(process.stdin.readableEnded || process.stdin.destroyed ? 'over' : 'given up');
    };
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve('over'));
  });
}

/** Tells clients when the tool list has become another one: an account was linked elsewhere, or a file was edited. */
async function announceChanges(
  engine: Engine,
  who: Principal,
  options: StdioOptions,
  servers: ReadonlySet<Server>,
): Promise<() => void> {
  let last: string | undefined;
  const look = async (definitions: boolean) => {
    if (definitions) await options.reload();
    const now = Buffer.concat(await toolListJson(engine, who)).toString('base64');
    const isOther = last !== undefined && now !== last;
    last = now;
    if (isOther) for (const server of servers) await server.sendToolListChanged().catch(() => {});
  };
  const stop = watchChanges(options, look);
  const unsubscribe = options.bus?.subscribe(
    () => void look(false).catch((error) => log.debug('not listed', { error })),
  );
  void options.bus?.listen();
  await look(false);
  return () => {
    unsubscribe?.();
    stop();
  };
}
