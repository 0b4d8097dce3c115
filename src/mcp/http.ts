import {
  type AuthInfo,
  createMcpHandler,
  isInitializeRequest,
  type McpHttpHandler,
  type McpServerFactory,
  PROTOCOL_VERSION_META_KEY,
  type ServerEvent,
  type ServerEventBus,
} from '@modelcontextprotocol/server';
import { TielineError } from '../errors.ts';
import type { Engine } from '../execute/engine.ts';
import { hasScope, isAllowed, neededScope } from '../execute/policy.ts';
import type { Principal, Scope } from '../integration/principal.ts';
import { log } from '../log.ts';
import { missingForAccountTool } from './accounttools.ts';
import type { ChangeBus } from './bus.ts';
import { type Json, openDirect } from './direct.ts';
import { nameOf, peerFrom, peerOfEnvelope, type Told } from './peer.ts';
import type { PlainRequest } from './plain.ts';
import { mcpServer, type ServerOptions } from './server.ts';
import { openSession, sealSession } from './session.ts';
import { openSubscribers } from './subscribers.ts';

/** MCP over HTTP, both protocol eras at one address. Who asks has been found out before. */
export type McpHttp = {
  /** `body` is the JSON of the request; undefined where there is none. Throws `too_many_requests`. */
  answer(request: Request, who: Principal, body: unknown): Promise<Response>;
  /** What the caller's scopes lack for the tools that a request calls. */
  missingScopes(who: Principal, body: unknown): readonly Scope[];
  /** Whether `answerPlain` answers such a request. */
  takes(request: PlainRequest): boolean;
  /** The JSON-RPC response to a request, past the SDK. `session` is the `Mcp-Session-Id`. Never fails. */
  answerPlain(request: PlainRequest, who: Principal, session: string | null, signal: AbortSignal): Promise<Json>;
  /** Streams of changes that the user holds open. */
  openStreams(who: Principal): number;
  /** Ends the streams of changes in order, and opens no more: they would never end by themselves. Calls go on. */
  endStreams(): Promise<void>;
  /** Ends what is under way, too. */
  close(): Promise<void>;
};

export type McpHttpOptions = Pick<ServerOptions, 'extension' | 'link' | 'patience'> & { readonly bus: ChangeBus };

/** For each user, of whom no one is to take the place of all others. */
const MOST_STREAMS = 16;

/** Nothing is kept between requests, so that any process may serve any of them. */
export function openMcpHttp(engine: Engine, options: McpHttpOptions): McpHttp {
  const { bus, extension, link, patience } = options;
  const direct = openDirect(engine, { extension, link, patience });
  const subscribers = openSubscribers(engine, bus);
  const serve: McpServerFactory = ({ era, requestInfo, authInfo }) => {
    const who = principalIn(authInfo);
    const session = requestInfo?.headers.get('mcp-session-id') ?? null;
    const told = era === 'legacy' ? openSession(engine, who, session) : undefined;
    // Nothing is kept between the requests of 2025 clients, so no notice finds them.
    return mcpServer(engine, who, { extension, told, link, patience, announces: era !== 'legacy' });
  };
  const onerror = (error: Error) => log.debug('protocol error', { error });
  const calls = createMcpHandler(serve, { onerror });
  const streams = new Set<McpHttpHandler>();
  /** A handler of its own for each stream: the SDK has one bus for all streams of a handler, and this one is a user's. */
  function streamOf(who: Principal): McpHttpHandler {
    const bus: ServerEventBus = {
      publish: () => {},
      subscribe(listener: (event: ServerEvent) => void) {
        const end = subscribers.add(who, () => listener({ kind: 'tools_list_changed' }));
        return () => {
          streams.delete(handler);
          end();
        };
      },
    };
    const handler = createMcpHandler(serve, { onerror, bus });
    streams.add(handler);
    return handler;
  }
  const closeStreams = () => Promise.all([...streams].map((it) => it.close()));
  let isEnding = false;
  return {
    async answer(request, who, body) {
      const isStream = isListening(body);
      if (isStream && isEnding) return new Response(null, { status: 503, headers: { 'retry-after': '1' } });
      if (isStream && subscribers.count(who) >= MOST_STREAMS) throw tooManyStreams();
      const handler = isStream ? streamOf(who) : calls;
      const response = await handler.fetch(request, {
        authInfo: authInfoOf(who),
        ...(body !== undefined && { parsedBody: body }),
      });
      if (isStream && !response.ok) streams.delete(handler);
      const told = response.ok ? initiallyTold(body) : undefined;
      const session = told && sealSession(engine, who, told);
      if (session === undefined) return response;
      const headers = new Headers(response.headers);
      headers.set('mcp-session-id', session);
      return new Response(response.body, { status: response.status, headers });
    },
    missingScopes({ scopes }, body) {
      const needed = (Array.isArray(body) ? body : [body]).flatMap((it) => {
        const name = calledTool(it) ?? '';
        const action = engine.catalog.actionOfTool(name);
        if (!action) return missingForAccountTool(scopes, name) ?? [];
        if (!isAllowed(engine.policy(action.connector), action) || hasScope(scopes, action)) return [];
        return [neededScope(action, engine.scopeGrain)];
      });
      return [...new Set(needed)];
    },
    takes: direct.takes,
    answerPlain(request, who, session, signal) {
      const { meta } = request;
      if (meta?.[PROTOCOL_VERSION_META_KEY] !== undefined) {
        return direct.answer(request, who, peerOfEnvelope(meta), signal);
      }
      const told = openSession(engine, who, session);
      const peer = { ...peerFrom('legacy', told?.capabilities, undefined), name: told?.name };
      return direct.answer(request, who, peer, signal);
    },
    openStreams: (who) => subscribers.count(who),
    async endStreams() {
      isEnding = true;
      await closeStreams();
    },
    async close() {
      isEnding = true;
      await Promise.all([closeStreams(), calls.close()]);
      subscribers.close();
    },
  };
}

/** Carries through the SDK who asks. The token itself has done its work before. */
const authInfoOf = (who: Principal): AuthInfo => ({ token: '', clientId: '', scopes: [...who.scopes], extra: { who } });

function principalIn(info: AuthInfo | undefined): Principal {
  const who = info?.extra?.who;
  if (!who) throw new Error('an MCP request without a principal');
  return who as Principal;
}

/** Whether a request opens a stream of changes. */
const isListening = (body: unknown): boolean => methodOf(body) === 'subscriptions/listen';

/** What a client of the 2025 revisions says of itself, in the one request that says it. */
function initiallyTold(body: unknown): Told | undefined {
  if (methodOf(body) !== 'initialize' || !isInitializeRequest(body)) return undefined;
  const { capabilities, clientInfo } = body.params;
  return { capabilities, name: nameOf(clientInfo) };
}

const methodOf = (message: unknown): unknown => ((message ?? {}) as { method?: unknown }).method;

function calledTool(message: unknown): string | undefined {
  if (methodOf(message) !== 'tools/call') return undefined;
  const { params } = message as { params?: { name?: unknown } | null };
  return typeof params?.name === 'string' ? params.name : undefined;
}

const tooManyStreams = (): TielineError =>
  new TielineError('too_many_requests', `${MOST_STREAMS} streams of changes are open already`, {
    hint: 'Close one of them.',
  });
