import { type InputRequiredResult, ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';
import type { Engine } from '../execute/engine.ts';
import type { Principal } from '../integration/principal.ts';
import { answerJson, type ToolAnswer } from './answer.ts';
import type { Extension } from './extension.ts';
import { answerToolCall, type LinkOptions } from './oncall.ts';
import type { Peer } from './peer.ts';
import { IDEMPOTENCY_KEY, type PlainCall, type PlainRequest } from './plain.ts';
import { CACHE_HINT, IDENTITY, isOwnTool, listFailure } from './server.ts';
import { toolListJson } from './tooljson.ts';

export type DirectOptions = LinkOptions & { readonly extension?: Extension | undefined };

/**
 * Answers plain requests past the SDK, whose dispatch costs several times the call itself. The answers are, byte for
 * byte, those that the SDK would give: `test/mcp/parity.test.ts` asks both.
 */
export type Direct = {
  /** False for what the SDK has to answer, or to refuse. */
  takes(request: PlainRequest): boolean;
  /** The response as JSON. Never fails. */
  answer(request: PlainRequest, who: Principal, peer: Peer, signal: AbortSignal): Promise<Json>;
};

/** JSON as text, or as pieces of its bytes where those are shared. */
export type Json = string | readonly Buffer[];

export function openDirect(engine: Engine, options: DirectOptions): Direct {
  const { extension, ...linking } = options;
  async function result(call: PlainCall, who: Principal, peer: Peer, signal: AbortSignal): Promise<string> {
    const { name, args } = call;
    const { idempotencyKey: key } = call;
    const _meta = key === undefined ? undefined : { [IDEMPOTENCY_KEY]: key };
    const plain = { signal, _meta, notify: nobody, requestState: nothing, inputResponses: undefined };
    const answer = await answerToolCall(engine, who, { ...linking, name, args, peer, request: plain });
    if (!isToolAnswer(answer)) return JSON.stringify({ ...answer, _meta: { [SERVER_INFO]: IDENTITY } });
    return answerJson(answer, peer.era === 'modern' ? CALL_END : '');
  }
  return {
    takes: (request) => request.method === 'tools/list' || isOwnTool(engine, request.name),
    async answer(request, who, peer, signal) {
      const end = `,"jsonrpc":"2.0","id":${JSON.stringify(request.id)}}`;
      try {
        if (request.method === 'tools/list') {
          const tools = await toolListJson(engine, who, extension).catch(listFailure);
          return [LIST_BEGIN, ...tools, Buffer.from(`${peer.era === 'modern' ? LIST_END : ''}}${end}`)];
        }
        return `{"result":${await result(request, who, peer, signal)}${end}`;
      } catch (error) {
        return failure(error, request.id);
      }
    },
  };
}

const SERVER_INFO = 'io.modelcontextprotocol/serverInfo';
const STAMP = `"_meta":${JSON.stringify({ [SERVER_INFO]: IDENTITY })}`;
const LIST_BEGIN = Buffer.from('{"result":{"tools":');
const CALL_END = `,"resultType":"complete",${STAMP}`;
const LIST_END = `,"resultType":"complete",${JSON.stringify(CACHE_HINT).slice(1, -1)},${STAMP}`;

/** As the SDK answers what a handler throws. Anything but a fault of the protocol has become an answer before. */
function failure(error: unknown, id: PlainRequest['id']): string {
  const { code, message, data } = error instanceof ProtocolError ? error : INTERNAL;
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code, message, ...(data !== undefined && { data }) } });
}

const INTERNAL = new ProtocolError(ProtocolErrorCode.InternalError, 'Internal error');

const nobody = async (): Promise<void> => {};
const nothing = (): undefined => undefined;

const isToolAnswer = (answer: ToolAnswer | InputRequiredResult): answer is ToolAnswer => 'content' in answer;
