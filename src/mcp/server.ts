import { ProtocolError, ProtocolErrorCode, Server } from '@modelcontextprotocol/server';
import { isTielineError } from '../errors.ts';
import type { Engine } from '../execute/engine.ts';
import type { Principal } from '../integration/principal.ts';
import { log } from '../log.ts';
import { shortened } from '../quoted.ts';
import { withoutTokens } from '../tokenshape.ts';
import { version } from '../version.ts';
import { accountToolNamed } from './accounttools.ts';
import type { Extension } from './extension.ts';
import { answerToolCall, type LinkOptions, prepareCalls } from './oncall.ts';
import { peerOf, type Told } from './peer.ts';
import { listTools } from './tools.ts';

export const INSTRUCTIONS = [
  "Tieline runs actions on the user's own accounts. A tool is named <connector>_<entity>_<action>.",
  'Argument `integration` chooses among several accounts of one connector by identifier; without it the default account is used, and `meta.integration` of each result tells which one it was.',
  'Lists give `meta.page`: pass its `cursor` back with the same other arguments for the next page.',
  'A failed call answers with an error code and one next step.',
  'integrations_list tells which accounts there are, and integrations_connect has the user link one.',
].join(' ');

/** How long a client may keep a tool list, in milliseconds: changes are announced, so this only bounds a lost notice. */
const LIST_LIFE = 5 * 60_000;

export type ServerOptions = LinkOptions & {
  readonly extension?: Extension | undefined;
  /** What the client has said of itself, where it did not do so on this connection. */
  readonly told?: Told | undefined;
  /** Whether there is a way to tell the client that its tools have changed. There is by default. */
  readonly announces?: boolean | undefined;
};

export const IDENTITY = { name: 'tieline', title: 'Tieline', version };
export const CACHE_HINT = { ttlMs: LIST_LIFE, cacheScope: 'private' } as const;

/** An MCP server for one connection: the catalog's tools, as one caller sees them. */
export function mcpServer(engine: Engine, who: Principal, options: ServerOptions = {}): Server {
  const { extension, told, link, patience, announces = true } = options;
  const server = new Server(IDENTITY, {
    capabilities: { ...extension?.capabilities, tools: announces ? { listChanged: true } : {} },
    instructions: INSTRUCTIONS,
    cacheHints: { 'tools/list': CACHE_HINT },
  });
  server.setRequestHandler('tools/list', async (request) => {
    // The whole list is one page: several clients never ask for a second.
    if (request.params?.cursor) throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'Unknown cursor');
    prepareCalls();
    return { tools: (await listTools(engine, who, extension).catch(listFailure)) as never };
  });
  server.setRequestHandler('tools/call', async (request, context) => {
    const { name, arguments: args = {} } = request.params;
    const isOwn = isOwnTool(engine, name);
    if (!isOwn && extension?.tools.some((it) => it.name === name)) {
      const known = server.getClientCapabilities() ?? told?.capabilities;
      return extension.call(request, context, { who, capabilities: known });
    }
    if (!isOwn) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown tool: ${shortened(name)}`);
    const peer = peerOf(server, context, told);
    return (await answerToolCall(engine, who, { name, args, peer, request: context.mcpReq, link, patience })) as never;
  });
  extension?.handlers?.(server);
  return server;
}

/** Whether a tool of that name is Tieline's own, and not of an extension. */
export const isOwnTool = ({ catalog }: Engine, name: string): boolean =>
  catalog.actionOfTool(name) !== undefined || accountToolNamed(name) !== undefined;

/** Why the tools cannot be listed, as a fault of the protocol: the SDK would put the message of any error on the wire. */
export function listFailure(error: unknown): never {
  log.error('the tools cannot be listed', { error });
  const known = isTielineError(error)
    ? withoutTokens(`${error.code}: ${error.message}`)
    : 'internal: see the log of Tieline';
  throw new ProtocolError(ProtocolErrorCode.InternalError, known);
}
