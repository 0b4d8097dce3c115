import { type Context, Hono } from 'hono';
import type { StatusCode } from 'hono/utils/http-status';
import { isTielineError, TielineError } from '../errors.ts';
import { supportedScopes } from '../execute/policy.ts';
import type { Principal, Scope } from '../integration/principal.ts';
import { parseJson } from '../json.ts';
import { CALL, readsBody } from './body.ts';
import { unlessGuessedBy } from './caller.ts';
import type { Backend, Env, McpEndpoint } from './context.ts';
import { type Gates, incomingOf } from './gates.ts';
import { credentialOf, identifyMcpCaller } from './mcpcaller.ts';
import { knownOrigins } from './origins.ts';
import { answerProblem } from './problem.ts';
import { limitRequests } from './ratelimit.ts';
import { challenge, resourceRoutes } from './resource.ts';

/** MCP at `/mcp`, and what clients need to know to sign in there. Nothing where MCP is not served. */
export function mcpRoutes(backend: Backend, gates: Gates): Hono<Env> {
  const { mcp, url } = backend;
  const app = new Hono<Env>();
  if (!mcp) return app;
  app.onError((error, context) => refuse(context, backend, error));
  app.route('/', resourceRoutes(backend));
  const limit = limitRequests(gates.requests);
  const whole = readsBody(() => ({ ...CALL, bytes: backend.limits.body }));
  app.on(['GET', 'POST', 'DELETE'], '/mcp', knownOrigins(url), async (context) => {
    const { headers } = context.req.raw;
    const { user, who } = await unlessGuessedBy(gates, incomingOf(context), headers, () =>
      identifyMcpCaller(backend, headers),
    );
    context.set('caller', { kind: 'user', organization: user.organization, user });
    await limit(context, async () => {});
    await whole(context, async () => {});
    return serve(mcp, backend, context, who);
  });
  return app;
}

async function serve(mcp: McpEndpoint, backend: Backend, context: Context<Env>, who: Principal): Promise<Response> {
  const { request, body } = await withBody(context);
  for (const message of Array.isArray(body) ? body : [body]) checkEnvelope(message);
  const missing = mcp.missingScopes(who, body);
  if (missing.length > 0) {
    const refusal = answerProblem(context, insufficientScope(missing));
    // With those there are, as the new token takes the place of the old one.
    const scopes = supportedScopes(backend.engine).filter((it) => missing.includes(it) || who.scopes.has(it));
    refusal.headers.set('www-authenticate', challenge(backend, { error: 'insufficient_scope', scopes }));
    return refusal;
  }
  const response = await mcp.answer(request, who, body);
  // Anew, so that the headers of the rate limit come along. Whether a connection stays is decided where it is known.
  const { status, headers } = response;
  headers.delete('connection');
  return context.newResponse(response.body, { status: status as StatusCode, headers: Object.fromEntries(headers) });
}

/** Fields of the `_meta` of a message, at most. The SDK looks at each several times, and clients send some ten. */
const MOST_META = 1_000;

function checkEnvelope(message: unknown): void {
  const { params } = (message ?? {}) as { readonly params?: { readonly _meta?: unknown } | null };
  const meta = params?._meta;
  if (typeof meta !== 'object' || meta === null || Object.keys(meta).length <= MOST_META) return;
  throw new TielineError('json_too_large', `_meta has more than ${MOST_META} fields`, { hint: 'Send less.' });
}

/** The JSON of a request, read once for all who look at it; what is none is left for the protocol to refuse. */
async function withBody({ req }: Context<Env>): Promise<{ readonly request: Request; readonly body: unknown }> {
  const request = req.raw;
  const isJson = /^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? '');
  if (request.method !== 'POST' || !isJson) return { request, body: undefined };
  const text = await req.text();
  try {
    return { request, body: parseJson(text) };
  } catch (error) {
    if (isTielineError(error)) throw error;
    const { url, method, headers, signal } = request;
    return { request: new Request(url, { method, headers, signal, body: text }), body: undefined };
  }
}

/** RFC 6750 §3: who is not let in is told how to come in. */
function refuse(context: Context<Env>, backend: Backend, error: unknown): Response {
  const response = answerProblem(context, error);
  if (response.status === 401) {
    const isWrong = credentialOf(context.req.raw.headers) !== undefined;
    response.headers.set('www-authenticate', challenge(backend, isWrong ? { error: 'invalid_token' } : {}));
  }
  return response;
}

const insufficientScope = (missing: readonly Scope[]): TielineError =>
  new TielineError('insufficient_scope', `the token lacks the scope ${missing.join(' and ')}`, {
    hint: 'Sign in again and allow it.',
  });
