import { randomUUID } from 'node:crypto';
import type { IncomingMessage, OutgoingHttpHeaders, RequestListener, ServerResponse } from 'node:http';
import { parseJson } from '../json.ts';
import { log } from '../log.ts';
import { AcceptedEnvelopes, envelopeKey } from '../mcp/accepted.ts';
import { returnController, takeController } from '../mcp/cancellation.ts';
import type { Json } from '../mcp/direct.ts';
import { type PlainRequest, plainRequest } from '../mcp/plain.ts';
import { arrivals } from './arrivals.ts';
import { CALL } from './body.ts';
import { guessOf } from './caller.ts';
import type { Backend, McpEndpoint } from './context.ts';
import type { Gates } from './gates.ts';
import { identifyMcpCaller } from './mcpcaller.ts';
import { answering, sendProblem } from './mishap.ts';
import { limitedUser } from './ratelimit.ts';

/** Longer requests take the long way, as do those that do not say how long they are. */
const LONGEST_BODY = 1024 * 1024;

/** Whoever sends one of these says more of the request than is looked at here. */
const UNUSUAL = [
  'origin',
  'x-api-key',
  'x-customer-name',
  'x-organization-id',
  'x-request-id',
  'content-encoding',
  'transfer-encoding',
  'expect',
] as const;

/** What has to be the same for a request to be one that was served before; beside its `_meta`. */
const USUAL = ['host', 'accept', 'content-type', 'mcp-protocol-version', 'mcp-method'] as const;

/** Headers of an answer that are another one's own. */
const OWN = new Set([
  'ratelimit',
  'ratelimit-policy',
  'x-request-id',
  'mcp-session-id',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'date',
]);

/** The headers of the answer to a request like this one, as the long way has given them. */
type Template = { readonly headers: readonly string[]; readonly isStream: boolean };

/**
 * The short way for plain requests to `/mcp`, before any web request is made of them: a request in the same words as one
 * that was served before is answered by the same code, with the same headers. Everything else goes `onward`, and so does
 * whatever is to be refused.
 */
export function mcpShortcut(backend: Backend, gates: Gates, onward: RequestListener): RequestListener {
  const { mcp, limits: most } = backend;
  if (!mcp) return onward;
  const longest = Math.min(LONGEST_BODY, most.body);
  const accepted = new AcceptedEnvelopes<Template>();

  return (incoming, outgoing) => {
    if (!isCandidate(incoming, longest)) return onward(incoming, outgoing);
    readBody(incoming, outgoing, (body) => {
      // Where the long way looks for a body that was read before it.
      Object.assign(incoming, { rawBody: body });
      const request = plainRequest(parsed(body));
      if (!request || !mcp.takes(request) || !isNamed(request, incoming)) return onward(incoming, outgoing);
      const key = keyOf(request, incoming);
      const template = accepted.get(key);
      if (template) {
        return answer(mcp, request, template, { incoming, outgoing, start: performance.now() });
      }
      noteHead(outgoing, (status, headers) => {
        if (status === 200) accepted.add(key, templateOf(headers));
      });
      return onward(incoming, outgoing);
    });
  };

  async function answer(mcp: McpEndpoint, request: PlainRequest, template: Template, it: Exchange): Promise<void> {
    const { incoming, outgoing } = it;
    const admitted = await admit(mcp, request, incoming).catch(() => undefined);
    // What is refused, is so with all that belongs to a refusal.
    if (!admitted) return onward(incoming, outgoing);
    if (outgoing.destroyed) return;
    const { who, limits } = admitted;
    const controller = takeController();
    let isAnswered = false;
    // Whoever goes away ends the call, of whatever revision: so the SDK has it.
    outgoing.once('close', () => isAnswered || controller.abort());
    const session = incoming.headers['mcp-session-id'];
    const json = await mcp.answerPlain(request, who, typeof session === 'string' ? session : null, controller.signal);
    isAnswered = true;
    returnController(controller);
    if (outgoing.destroyed) return;
    const id = randomUUID();
    const own = [
      'x-request-id',
      id,
      'content-length',
      String(lengthOf(json) + (template.isStream ? STREAM_LENGTH : 0)),
    ];
    outgoing.writeHead(200, [...template.headers, ...limits, ...own]);
    if (!template.isStream && typeof json === 'string') outgoing.end(json);
    else {
      // Gathered, and written together.
      outgoing.cork();
      if (template.isStream) outgoing.write(STREAM_BEGIN);
      for (const piece of typeof json === 'string' ? [json] : json) outgoing.write(piece);
      outgoing.end(template.isStream ? STREAM_END : undefined);
      outgoing.uncork();
    }
    const ms = Math.round(performance.now() - it.start);
    log.debug('request', { id, method: 'POST', path: '/mcp', status: 200, ms });
  }

  /** Whom the request is from, if it is to be served; throws, or gives undefined, if not. */
  async function admit(mcp: McpEndpoint, request: PlainRequest, incoming: IncomingMessage) {
    const { headers } = incoming;
    const values = { get: (name: string) => textOf(headers[name]) };
    gates.failures.check(guessOf(gates, incoming, values));
    const { user, who } = await identifyMcpCaller(backend, values);
    if (mcp.missingScopes(who, asMessage(request)).length > 0) return undefined;
    const { policy, limit, over } = gates.requests.take(limitedUser(user));
    return over === undefined ? { who, limits: ['ratelimit-policy', policy, 'ratelimit', limit] } : undefined;
  }
}

/** An answer in a stream is its one event. */
const STREAM_BEGIN = 'event: message\ndata: ';
const STREAM_END = '\n\n';
const STREAM_LENGTH = STREAM_BEGIN.length + STREAM_END.length;

const lengthOf = (json: Json): number =>
  typeof json === 'string' ? Buffer.byteLength(json) : json.reduce((sum, it) => sum + it.length, 0);

type Exchange = { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse; readonly start: number };

function isCandidate({ method, url, headers, rawHeaders }: IncomingMessage, longest: number): boolean {
  if (method !== 'POST' || url !== '/mcp') return false;
  // Of a header that came twice only the first may be seen here, and both by others.
  if (rawHeaders.length !== 2 * Object.keys(headers).length) return false;
  const length = Number(headers['content-length'] ?? Number.NaN);
  return length <= longest && UNUSUAL.every((it) => headers[it] === undefined);
}

/** Of requests of today, a header says again which tool is called; of those of 2025 it says nothing. */
function isNamed(request: PlainRequest, { headers }: IncomingMessage): boolean {
  if (headers['mcp-method'] === undefined) return headers['mcp-name'] === undefined;
  const name = request.method === 'tools/call' ? request.name : undefined;
  return headers['mcp-method'] === request.method && headers['mcp-name'] === name;
}

/** Undefined for a request that is not expected to come again in the same words. */
function keyOf({ meta }: PlainRequest, { headers }: IncomingMessage): string | undefined {
  const envelope = envelopeKey(meta);
  return envelope === undefined ? undefined : `${JSON.stringify(USUAL.map((it) => headers[it]))} ${envelope}`;
}

function templateOf(given: OutgoingHttpHeaders): Template {
  const headers = Object.entries(given).filter(([name]) => !OWN.has(name.toLowerCase()));
  const isStream = String(given['content-type']).startsWith('text/event-stream');
  return { headers: headers.flatMap(([name, value]) => [name, String(value)]), isStream };
}

/** Tells the status and the headers of an answer when they are written. */
function noteHead(outgoing: ServerResponse, note: (status: number, headers: OutgoingHttpHeaders) => void): void {
  const writeHead = outgoing.writeHead.bind(outgoing) as (...head: readonly unknown[]) => ServerResponse;
  outgoing.writeHead = (status: number, ...head: readonly unknown[]) => {
    const given = head.at(-1);
    try {
      note(status, { ...outgoing.getHeaders(), ...(typeof given === 'object' && !Array.isArray(given) ? given : {}) });
    } catch (error) {
      log.debug('an answer could not be noted', { error }); // the next one takes the long way, too
    }
    return writeHead(status, ...head);
  };
}

const asMessage = (request: PlainRequest) => ({
  method: request.method,
  params: request.method === 'tools/call' ? { name: request.name } : {},
});

const textOf = (header: string | string[] | undefined): string | null =>
  header === undefined ? null : Array.isArray(header) ? header.join(', ') : header;

function parsed(body: Buffer): unknown {
  try {
    return parseJson(body.toString('utf8'), CALL);
  } catch {
    return undefined;
  }
}

/** Gives the whole body once it is there; nothing where the client goes away before. */
function readBody(incoming: IncomingMessage, outgoing: ServerResponse, done: (body: Buffer) => unknown): void {
  const chunks: Buffer[] = [];
  let isGivenUp = false;
  const arrival = arrivals.begin((why) => {
    isGivenUp = true;
    chunks.length = 0;
    outgoing.shouldKeepAlive = false;
    sendProblem(outgoing, why);
    incoming.resume();
  });
  incoming.on('data', (chunk: Buffer) => {
    if (isGivenUp) return;
    chunks.push(chunk);
    arrival.add(chunk.length);
  });
  incoming.once('end', () => {
    arrival.end();
    if (isGivenUp) return;
    void answering(outgoing, () => done(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
  });
  incoming.once('close', () => arrival.end());
  incoming.on('error', (error) => log.debug('a request was cut off', { error }));
}
