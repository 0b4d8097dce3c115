import { once } from 'node:events';
import { connect } from 'node:net';

/** One keep-alive HTTP/1.1 connection on a plain socket, with one request under way: `{ send(bytes, done), close() }`. */
export async function openConnection(port) {
  const socket = connect(port, '127.0.0.1').setNoDelay();
  await once(socket, 'connect');
  let parts = [];
  let size = 0;
  let head;
  let done;
  const finish = (answer, problem) => {
    const it = done;
    [done, parts, size, head] = [undefined, [], 0, undefined];
    it?.(answer, problem);
  };
  socket.on('error', (error) => finish(undefined, error.message));
  socket.on('close', () => finish(undefined, 'the connection was closed'));
  socket.on('data', (chunk) => {
    parts.push(chunk);
    size += chunk.length;
    head ??= readHead(joined());
    if (head === undefined || !isWhole()) return;
    const { status, type, session, bodyAt, length } = head;
    const body = joined().subarray(bodyAt);
    finish({ status, type, session, isChunked: length === undefined, body });
  });
  const joined = () => {
    if (parts.length > 1) parts = [Buffer.concat(parts)];
    return parts[0];
  };
  const isWhole = () => {
    if (head.length !== undefined) return size >= head.bodyAt + head.length;
    const last = parts.at(-1).length < 7 ? joined() : parts.at(-1);
    return last.subarray(-5).equals(LAST_CHUNK) && (size === head.bodyAt + 5 || last.subarray(-7, -5).equals(END));
  };
  return {
    send(bytes, whenDone) {
      done = whenDone;
      socket.write(bytes);
    },
    close: () => socket.destroy(),
  };
}

const END = Buffer.from('\r\n');
const LAST_CHUNK = Buffer.from('0\r\n\r\n');

/** Undefined while it is not all there. `length` is undefined for a body in chunks. */
function readHead(bytes) {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const text = bytes.latin1Slice(0, end);
  const header = (name) => new RegExp(`\\r\\n${name}: *([^\\r\\n]+)`, 'i').exec(text)?.[1];
  const length = Number(header('content-length') ?? 0);
  return {
    status: text.slice(9, 12),
    type: header('content-type') ?? '',
    session: header('mcp-session-id'),
    bodyAt: end + 4,
    length: header('transfer-encoding') === 'chunked' ? undefined : length,
  };
}

/** The text of a body, put together from its chunks. */
export function textOf({ body, isChunked }) {
  if (!isChunked) return body.toString();
  const parts = [];
  for (let at = 0; ; ) {
    const end = body.indexOf(END, at);
    const length = Number.parseInt(body.latin1Slice(at, end), 16);
    if (!(length > 0)) return Buffer.concat(parts).toString();
    parts.push(body.subarray(end + 2, end + 2 + length));
    at = end + 2 + length + 2;
  }
}
