import { setTimeout as sleep } from 'node:timers/promises';
import { startChild } from './child.mjs';
import { closedLoop } from './closedloop.mjs';
import { openConnection, textOf } from './connection.mjs';
import { LEGACY, MODERN, messageText, shakeHands } from './protocol.mjs';

const PATIENCE_MS = 60_000;
/** Ids of one session must differ, and requests are as long as each other: only these digits change. */
const FIRST_ID = 100_000_000;

/**
 * Starts an MCP server on HTTP, waits until it listens, and shakes hands. As `openStdio`; `program` has a `port`, and
 * maybe a `path` and `headers` of each request.
 */
export async function openHttp(program, era) {
  const server = startChild({ ...program, stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    const control = await untilListening(server, program.port);
    const client = httpClient(server, control, program, era);
    await shakeHands(era, client);
    return client;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function untilListening(server, port) {
  const end = performance.now() + PATIENCE_MS;
  while (!server.isOver() && performance.now() < end) {
    const connection = await openConnection(port).catch(() => undefined);
    if (connection) return connection;
    await sleep(3);
  }
  throw new Error(`the server does not listen: ${server.stderr()}`);
}

function httpClient(server, control, { port, path = '/mcp', headers = {} }, era) {
  const connections = [];
  let session;
  let lastId = FIRST_ID;

  const request = (id, method, params, more = headers) => {
    const body = messageText(id === undefined ? undefined : era, { id, method, params });
    const known = era === MODERN ? modernHeaders(method, params) : legacyHeaders(method, session);
    const own = {
      host: `127.0.0.1:${port}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...known,
      ...more,
      'content-length': Buffer.byteLength(body),
    };
    const lines = Object.entries(own).map(([name, value]) => `${name}: ${value}\r\n`);
    return Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
  };
  const exchange = (bytes) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer: ${server.stderr()}`)), PATIENCE_MS);
      control.send(bytes, (answer, problem) => {
        clearTimeout(timer);
        if (problem) reject(new Error(`${problem} ${server.stderr()}`));
        else resolve(answer);
      });
    });
  return {
    process: server,
    async ask(method, params, more) {
      lastId += 1;
      const answer = await exchange(request(lastId, method, params, more));
      session = answer.session ?? session;
      return { message: messageIn(answer), bytes: answer.body.length };
    },
    tell: async (method) => void (await exchange(request(undefined, method))),
    /** With a list of `headers`, the requests take turns with them. */
    async load({ method, params, check, headers: turns = [headers], ...size }) {
      while (connections.length < size.concurrency) connections.push(await openConnection(port));
      const prepared = turns.map((it) => request(FIRST_ID, method, params, it));
      const idAt = prepared.map((it) => it.indexOf(String(FIRST_ID)));
      const ask = (place, done) => {
        lastId += 1;
        const turn = lastId % prepared.length;
        // The socket copies or sends at once what it is given, unless it is full.
        const bytes = prepared.length === 1 && size.concurrency === 1 ? prepared[0] : Buffer.from(prepared[turn]);
        bytes.latin1Write(String(lastId), idAt[turn], 9);
        connections[place].send(bytes, (answer, problem) => {
          const refused = problem ?? (answer.status === '200' ? undefined : `HTTP ${answer.status}: ${textOf(answer)}`);
          if (!refused) answer.length = answer.body.length;
          done(answer, refused);
        });
      };
      return closedLoop({ ...size, check: check && ((answer) => check(messageIn(answer))), ask });
    },
    async stop() {
      for (const it of [control, ...connections]) it.close();
      await server.stop();
    },
  };
}

const modernHeaders = (method, params) => ({
  'mcp-protocol-version': MODERN,
  'mcp-method': method,
  ...(params?.name !== undefined && { 'mcp-name': params.name }),
});

const legacyHeaders = (method, session) => ({
  ...(session !== undefined && { 'mcp-session-id': session }),
  ...(method !== 'initialize' && { 'mcp-protocol-version': LEGACY }),
});

/** The JSON-RPC answer, which may be the last event of a stream. Throws where there is none. */
function messageIn(answer) {
  const text = textOf(answer);
  const isStream = answer.type.includes('text/event-stream');
  const events = isStream ? [...text.matchAll(/^data: *(\{.*)$/gm)].map((it) => it[1]) : [text];
  try {
    return events.map((it) => JSON.parse(it)).findLast((it) => 'result' in it || 'error' in it);
  } catch {
    throw new Error(`HTTP ${answer.status}: ${text.slice(0, 300)}`);
  }
}
