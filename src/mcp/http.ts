import { AsyncLocalStorage } from 'node:async_hooks';
import {
  createMcpHandler,
  isInitializeRequest,
  type McpServerFactory,
  type ServerEvent,
  type ServerEventBus,
} from '@modelcontextprotocol/server';
import { TielineError } from '../errors.ts';
import type { Engine } from '../execute/engine.ts';
import { isAllowed, neededScope } from '../execute/policy.ts';
import type { Principal, Scope } from '../integration/principal.ts';
import { log } from '../log.ts';
import { accountToolNamed } from './accounttools.ts';
import type { ChangeBus } from './bus.ts';
import { nameOf, type Told } from './peer.ts';
import { mcpServer, type ServerOptions } from './server.ts';
import { openSession, sealSession } from './session.ts';
import { openSubscribers } from './subscribers.ts';

/** MCP over HTTP, both protocol eras at one address. Who asks has been found out before. */
export type McpHttp = {
  /** `body` is the JSON of the request; undefined where there is none. Throws `too_many_requests`. */
  answer(request: Request, who: Principal, body: unknown): Promise<Response>;
  /** What the caller's scopes lack for the tools that a request calls. */
  missingScopes(who: Principal, body: unknown): readonly Scope[];
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
  const current = new AsyncLocalStorage<Principal>();
  const principal = (): Principal => {
    const who = current.getStore();
    if (!who) throw new Error('an MCP request without a principal');
    return who;
  };
  const subscribers = openSubscribers(engine, bus);
  // The SDK has one bus for all streams. A stream subscribes while its request is answered, so it is known whose it is.
  const events: ServerEventBus = {
    publish: () => {},
    subscribe: (listener: (event: ServerEvent) => void) =>
      subscribers.add(principal(), () => listener({ kind: 'tools_list_changed' })),
  };
  const serve: McpServerFactory = ({ era, requestInfo }) => {
    const who = principal();
    const session = requestInfo?.headers.get('mcp-session-id') ?? null;
    const told = era === 'legacy' ? openSession(engine, who, session) : undefined;
    return mcpServer(engine, who, { extension, told, link, patience });
  };
  const wiring = { bus: events, onerror: (error: Error) => log.debug('protocol error', { error }) };
  // Two, as closing one ends all that it has under way.
  const calls = createMcpHandler(serve, wiring);
  const streams = createMcpHandler(serve, wiring);
  let isEnding = false;
  return {
    async answer(request, who, body) {
      const isStream = isListening(body);
      if (isStream && isEnding) return new Response(null, { status: 503, headers: { 'retry-after': '1' } });
      if (isStream && subscribers.count(who) >= MOST_STREAMS) throw tooManyStreams();
      const handler = isStream ? streams : calls;
      const parsed = body === undefined ? undefined : { parsedBody: body };
      const response = await current.run(who, () => handler.fetch(request, parsed));
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
        if (action) return isAllowed(engine.policy(action.connector), action) ? [neededScope(action)] : [];
        return accountToolNamed(name)?.scope ?? [];
      });
      return [...new Set(needed)].filter((it) => !scopes.has(it));
    },
    openStreams: (who) => subscribers.count(who),
    async endStreams() {
      isEnding = true;
      await streams.close();
    },
    async close() {
      isEnding = true;
      await Promise.all([streams.close(), calls.close()]);
      subscribers.close();
    },
  };
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
