import { ProtocolError, ProtocolErrorCode, Server } from '@modelcontextprotocol/server';
import { isTielineError, TielineError } from '../errors.ts';
import type { Engine } from '../execute/engine.ts';
import { execute } from '../execute/execute.ts';
import { readAllIntegrations } from '../integration/accounts.ts';
import type { Principal } from '../integration/principal.ts';
import { log } from '../log.ts';
import { scrub } from '../secret.ts';
import { version } from '../version.ts';
import { errorAnswer, resultAnswer } from './answer.ts';
import { toolList } from './tools.ts';

export const INSTRUCTIONS = [
  "Tieline runs actions on the user's own accounts. A tool is named <connector>_<entity>_<action>.",
  'Argument `integration` chooses among several accounts of one connector by identifier; without it the default account is used, and `meta.integration` of each result tells which one it was.',
  'Lists give `meta.page`: pass its `cursor` back with the same other arguments for the next page.',
  'A failed call answers with an error code and one next step.',
].join(' ');

/** How long a client may keep a tool list, in milliseconds: changes are announced, so this only bounds a lost notice. */
const LIST_LIFE = 5 * 60_000;

/** An MCP server for one connection: the catalog's tools, as one caller sees them. */
export function mcpServer(engine: Engine, who: Principal): Server {
  const server = new Server(
    { name: 'tieline', title: 'Tieline', version },
    {
      capabilities: { tools: { listChanged: true } },
      instructions: INSTRUCTIONS,
      cacheHints: { 'tools/list': { ttlMs: LIST_LIFE, cacheScope: 'private' } },
    },
  );
  server.setRequestHandler('tools/list', async (request) => {
    // The whole list is one page: several clients never ask for a second.
    if (request.params?.cursor) throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'Unknown cursor');
    try {
      return { tools: [...(await listTools(engine, who))] as never };
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
    if (!action) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown tool: ${name}`);
    const { integration, ...params } = given;
    const { signal, _meta, notify } = context.mcpReq;
    const progressToken = _meta?.progressToken;
    try {
      if (integration !== undefined && typeof integration !== 'string') throw notText();
      const outcome = await execute(engine, who, {
        connector: action.connector,
        entity: action.entity,
        action: action.name,
        params,
        identifier: integration,
        signal,
        onProgress:
          progressToken === undefined
            ? undefined
            : (progress, total, message) =>
                void notify({
                  method: 'notifications/progress',
                  params: { progressToken, progress, total, message },
                }).catch(() => {}),
      });
      return resultAnswer(outcome) as never;
    } catch (error) {
      return errorAnswer(error, (reference, cause) =>
        log.error('a call failed', { tool: name, reference, cause }),
      ) as never;
    }
  });
  return server;
}

/** The tools that `tools/list` gives this caller now. */
export async function listTools(engine: Engine, who: Principal) {
  const { catalog, keystore, policy } = engine;
  const names = catalog.connectors.map((it) => it.name);
  return toolList(catalog, who, await readAllIntegrations(keystore, who, names), policy);
}

const notText = () => new TielineError('arguments_invalid', 'the arguments do not fit: integration is not text');
