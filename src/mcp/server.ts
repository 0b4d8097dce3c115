import { ProtocolError, ProtocolErrorCode, Server } from '@modelcontextprotocol/server';
import type { Tool } from '../connector/action.ts';
import { isTielineError } from '../errors.ts';
import type { Engine } from '../execute/engine.ts';
import { readAllIntegrations } from '../integration/accounts.ts';
import type { Principal } from '../integration/principal.ts';
import { log } from '../log.ts';
import { scrub } from '../secret.ts';
import { version } from '../version.ts';
import { runAccountTool } from './accounts.ts';
import { accountToolNamed, accountTools } from './accounttools.ts';
import { errorAnswer } from './answer.ts';
import { runAction } from './call.ts';
import type { Extension } from './extension.ts';
import { type Linker, runLinking } from './link.ts';
import { peerOf, type Told } from './peer.ts';
import { toolList } from './tools.ts';

export const INSTRUCTIONS = [
  "Tieline runs actions on the user's own accounts. A tool is named <connector>_<entity>_<action>.",
  'Argument `integration` chooses among several accounts of one connector by identifier; without it the default account is used, and `meta.integration` of each result tells which one it was.',
  'Lists give `meta.page`: pass its `cursor` back with the same other arguments for the next page.',
  'A failed call answers with an error code and one next step.',
  'integrations_list tells which accounts there are, and integrations_connect has the user link one.',
].join(' ');

/** How long a client may keep a tool list, in milliseconds: changes are announced, so this only bounds a lost notice. */
const LIST_LIFE = 5 * 60_000;

export type ServerOptions = {
  readonly extension?: Extension | undefined;
  /** What the client has said of itself, where it did not do so on this connection. */
  readonly told?: Told | undefined;
  /** Gives the user an address at which to link an account. Absent where that is done otherwise. */
  readonly link?: Linker | undefined;
  /** How long a call waits for a user who links an account, in milliseconds. */
  readonly patience?: number | undefined;
};

/** Less than the minute after which clients give a call up, and mostly enough for somebody who signs in. */
const PATIENCE = 45_000;

/** An MCP server for one connection: the catalog's tools, as one caller sees them. */
export function mcpServer(engine: Engine, who: Principal, options: ServerOptions = {}): Server {
  const { extension, told, link, patience = PATIENCE } = options;
  const server = new Server(
    { name: 'tieline', title: 'Tieline', version },
    {
      capabilities: { ...extension?.capabilities, tools: { listChanged: true } },
      instructions: INSTRUCTIONS,
      cacheHints: { 'tools/list': { ttlMs: LIST_LIFE, cacheScope: 'private' } },
    },
  );
  server.setRequestHandler('tools/list', async (request) => {
    // The whole list is one page: several clients never ask for a second.
    if (request.params?.cursor) throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'Unknown cursor');
    try {
      return { tools: withExtension(await listTools(engine, who), extension) as never };
    } catch (error) {
      // The SDK would put the message of any error on the wire.
      log.error('the tools cannot be listed', { error });
      const known = isTielineError(error)
        ? scrub(`${error.code}: ${error.message}`)
        : 'internal: see the log of Tieline';
      throw new ProtocolError(ProtocolErrorCode.InternalError, known);
    }
  });
  server.setRequestHandler('tools/call', async (request, context) => {
    const { name, arguments: given = {} } = request.params;
    const action = engine.catalog.actionOfTool(name);
    const isOwn = action !== undefined || accountToolNamed(name) !== undefined;
    if (!isOwn && extension?.tools.some((it) => it.name === name)) {
      const known = server.getClientCapabilities() ?? told?.capabilities;
      return extension.call(request, context, { who, capabilities: known });
    }
    if (!isOwn) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown tool: ${name}`);
    const peer = peerOf(server, context, told);
    const called = { tool: name, args: given };
    try {
      const answer = await runLinking({ engine, who, link, peer, called, context, patience }, (linked) =>
        action
          ? runAction(engine, who, action, given, context.mcpReq)
          : runAccountTool(engine, who, name, given, linked),
      );
      return answer as never;
    } catch (error) {
      if (error instanceof ProtocolError) throw error;
      return errorAnswer(error, (reference, cause) =>
        log.error('a call failed', { tool: name, reference, cause }),
      ) as never;
    }
  });
  extension?.handlers?.(server);
  return server;
}

function withExtension(tools: readonly Tool[], extension: Extension | undefined): readonly Tool[] {
  if (!extension) return tools;
  const names = new Set(tools.map((it) => it.name));
  return inOrder([...tools, ...extension.tools.filter((it) => !names.has(it.name))]);
}

const inOrder = (tools: Tool[]): readonly Tool[] => tools.sort((a, b) => (a.name < b.name ? -1 : 1));

/** The tools that `tools/list` gives this caller now. */
export async function listTools(engine: Engine, who: Principal) {
  const { catalog, keystore, policy } = engine;
  const names = catalog.connectors.map((it) => it.name);
  const tools = toolList(catalog, who, await readAllIntegrations(keystore, who, names), policy);
  return inOrder([...tools, ...accountTools(who)]);
}
