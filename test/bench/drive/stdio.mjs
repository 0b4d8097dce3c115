import { startChild } from './child.mjs';
import { closedLoop } from './closedloop.mjs';
import { idOf, messageText, shakeHands } from './protocol.mjs';

const PATIENCE_MS = 60_000;

/**
 * Starts an MCP server on pipes and shakes hands. The client parses nothing while it measures: it cuts answers out of
 * the stream by their ids. `{ process, ask(method, params), load(what), stop() }`
 */
export async function openStdio(program, era) {
  const server = startChild(program);
  const { stdin, stdout } = server.child;
  const waiting = new Map();
  let lastId = 0;
  let rest;
  /** What is asked while a chunk of answers is read goes out in one piece. */
  let unsent;

  const send = (text) => {
    if (unsent === undefined) stdin.write(text);
    else unsent += text;
  };
  const sendLine = (id, tail, done) => {
    waiting.set(id, done);
    send(`{"jsonrpc":"2.0","id":${id}${tail}`);
  };
  stdout.on('data', (chunk) => {
    const bytes = rest ? Buffer.concat([rest, chunk]) : chunk;
    let from = 0;
    unsent = '';
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, from)) {
      const id = idOf(bytes, from, end);
      const done = waiting.get(id);
      waiting.delete(id);
      done?.(bytes.subarray(from, end));
      from = end + 1;
    }
    rest = from < bytes.length ? bytes.subarray(from) : undefined;
    if (unsent !== '') stdin.write(unsent);
    unsent = undefined;
  });
  server.child.once('exit', () => {
    for (const done of waiting.values()) done(undefined, `the server ended: ${server.stderr()}`);
  });

  const tailOf = (method, params) => `${messageText(era, { method, params }).replace('{"jsonrpc":"2.0"', '')}\n`;
  const ask = (method, params) =>
    new Promise((resolve, reject) => {
      const late = () => reject(new Error(`no answer to ${method}: ${server.stderr()}`));
      const timer = setTimeout(late, PATIENCE_MS);
      lastId += 1;
      sendLine(lastId, tailOf(method, params), (answer, problem) => {
        clearTimeout(timer);
        if (problem) reject(new Error(problem));
        else resolve({ message: JSON.parse(answer.toString()), bytes: answer.length });
      });
    });
  try {
    await shakeHands(era, { ask, tell: (method) => send(`${messageText(undefined, { method })}\n`) });
  } catch (error) {
    await server.stop();
    throw error;
  }
  return {
    process: server,
    ask,
    load({ method, params, check, ...size }) {
      const tail = tailOf(method, params);
      const place = (_, done) => {
        lastId += 1;
        sendLine(lastId, tail, done);
      };
      unsent = '';
      const loop = closedLoop({
        ...size,
        check: check && ((bytes) => check(JSON.parse(bytes.toString()))),
        ask: place,
      });
      stdin.write(unsent);
      unsent = undefined;
      return loop;
    },
    stop: () => server.stop(),
  };
}
