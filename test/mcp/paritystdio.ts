import { PassThrough } from 'node:stream';
import type { Server } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import type { Engine } from '../../src/execute/engine.ts';
import type { Principal } from '../../src/integration/principal.ts';
import type { Extension } from '../../src/mcp/extension.ts';
import type { Linker } from '../../src/mcp/link.ts';
import { mcpServer } from '../../src/mcp/server.ts';
import { openShortcut } from '../../src/mcp/shortcut.ts';
import { StdioWire } from '../../src/mcp/wire.ts';

type Options = { readonly isShort: boolean; readonly link?: Linker; readonly extension?: Extension };

/** A connection to a server on stdin and stdout, in this process. */
export type StdioConnection = {
  /** How many messages did not reach the SDK. */
  taken(): number;
  write(text: string): void;
  /** Each line that came. */
  lines(): readonly string[];
  /** The answer to the message with that id, as text. */
  ask(message: { readonly id?: unknown }): Promise<string>;
  initialize(protocolVersion: string, capabilities?: object, name?: string): Promise<string>;
  close(): Promise<void>;
};

/** As `runStdio` sets it up; without the short way for all that is to be compared to it. */
export function connectStdio(engine: Engine, who: Principal, { isShort, ...options }: Options): StdioConnection {
  const [stdin, stdout] = [new PassThrough(), new PassThrough()];
  const servers: Server[] = [];
  const shortcut = openShortcut(engine, who, { ...options, server: () => servers.at(-1) });
  let taken = 0;
  const wire = new StdioWire(
    (message, write) => {
      const isTaken = isShort && shortcut.intercept(message, write);
      if (isTaken) taken += 1;
      return isTaken;
    },
    stdin,
    stdout,
  );
  wire.onsend = shortcut.note;
  const handle = serveStdio(
    () => {
      const server = mcpServer(engine, who, options);
      servers.push(server);
      return server;
    },
    { transport: wire },
  );
  const lines: string[] = [];
  const waiting = new Map<string, (line: string) => void>();
  let rest = '';
  stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) {
      lines.push(line);
      waiting.get(JSON.stringify(JSON.parse(line).id))?.(line);
    }
  });
  const connection: StdioConnection = {
    taken: () => taken,
    write: (it) => void stdin.write(it),
    lines: () => lines,
    ask(message) {
      const answer = new Promise<string>((resolve) => waiting.set(JSON.stringify(message.id), resolve));
      stdin.write(`${JSON.stringify(message)}\n`);
      return answer;
    },
    async initialize(protocolVersion, capabilities = {}, name = 'Tests') {
      const params = { protocolVersion, capabilities, clientInfo: { name, version: '1' } };
      const message = { jsonrpc: '2.0', id: 'begin', method: 'initialize', params };
      const answer = await connection.ask(message);
      stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
      return answer;
    },
    async close() {
      shortcut.close();
      await handle.close();
    },
  };
  return connection;
}
