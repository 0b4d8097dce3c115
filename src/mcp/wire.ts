import type { Readable, Writable } from 'node:stream';
import { type JSONRPCMessage, parseJSONRPCMessage, type Transport } from '@modelcontextprotocol/server';
import { bound } from '../bounded.ts';
import { LONGEST_CALL_MS } from '../deadline.ts';
import { parseJson } from '../json.ts';
import type { Json } from './direct.ts';
import { LineReader } from './linereader.ts';
import { failed, isRequestId, refusalOf, refusalOfText, tooLong } from './refusal.ts';
import { UnderWay } from './underway.ts';

const LINE = bound({
  name: 'a line of a stdio client',
  entries: 1,
  bytes: 10 * 1024 * 1024,
  atBound: 'a longer one is skipped to its end, and answered with an error of JSON-RPC',
});
const UNREAD = bound({
  name: 'answers that a stdio client has not read',
  entries: 1,
  bytes: 1024 * 1024,
  atBound: 'no more requests are read before it has read them',
});

/** Takes a message, not looked at yet, and tells whether it will be answered by `write`. */
export type Intercept = (message: unknown, write: (json: Json) => void) => boolean;

/**
 * MCP over stdin and stdout, a JSON-RPC message a line, for both protocol eras. Messages go to `intercept` first, and to
 * the SDK where that does not take them. What is written in one turn of the event loop goes out together. When stdin
 * ends, requests under way have `endMs` to be answered. No listener throws: that would end the process.
 */
export class StdioWire implements Transport {
  onclose?: Transport['onclose'];
  onerror?: Transport['onerror'];
  onmessage?: Transport['onmessage'];
  /** Told of what the SDK sends. */
  onsend?: (message: JSONRPCMessage) => void;
  readonly #stdin: Readable;
  readonly #stdout: Writable;
  readonly #intercept: Intercept;
  readonly #endMs: number;
  readonly #reader: LineReader;
  readonly #underWay = new UnderWay();
  #lines: Json[] = [];
  #isWaiting = false;
  #hasEnded = false;
  #isClosed = false;
  #end: NodeJS.Timeout | undefined;

  constructor(
    intercept: Intercept,
    stdin: Readable = process.stdin,
    stdout: Writable = process.stdout,
    endMs = LONGEST_CALL_MS,
  ) {
    this.#intercept = intercept;
    this.#stdin = stdin;
    this.#stdout = stdout;
    this.#endMs = endMs;
    this.#reader = new LineReader(LINE.bytes, {
      line: (it) => this.#read(it),
      tooLong: () => this.#write(tooLong(LINE.bytes)),
    });
  }

  async start(): Promise<void> {
    if (this.#stdin.readableEnded || this.#stdin.destroyed) setImmediate(this.#onEnd);
    this.#stdin.on('data', this.#onData).on('error', this.#onError).on('end', this.#onEnd).on('close', this.#onEnd);
    // The first stays when this is closed: what was written may still fail, as when the client is gone.
    this.#stdout.on('error', this.#onLost).on('drain', this.#onDrain);
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if (this.#isClosed) throw new Error('stdin or stdout is closed');
    this.onsend?.(message);
    this.#write(JSON.stringify(message));
    if ('id' in message && !('method' in message) && isRequestId(message.id)) this.#answered(message.id);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#flush();
    this.#isClosed = true;
    clearTimeout(this.#end);
    this.#stdin.off('data', this.#onData).off('error', this.#onError).off('end', this.#onEnd).off('close', this.#onEnd);
    this.#stdout.off('drain', this.#onDrain);
    this.#stdin.pause();
    this.#reader.stop();
    this.#safely(() => this.onclose?.());
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#safely(() => this.#reader.read(chunk));
    this.#regulate();
  };
  readonly #onDrain = (): void => this.#regulate();
  readonly #onError = (error: Error): void => this.#tell(error);
  readonly #onLost = (error: Error): void => {
    if (this.#isClosed) return;
    this.#tell(error);
    void this.close();
  };
  /** Whoever pipes requests in has nothing more to say, but wants the answers. */
  readonly #onEnd = (): void => {
    if (this.#hasEnded || this.#isClosed) return;
    this.#hasEnded = true;
    this.#safely(() => this.#reader.end());
    this.#end = setTimeout(() => void this.close(), this.#endMs);
    setImmediate(this.#closeIfDone);
  };
  readonly #closeIfDone = (): void => {
    if (this.#hasEnded && this.#underWay.isEmpty) void this.close();
  };

  #read(line: Buffer): void {
    const text = line.toString('utf8');
    let message: unknown;
    try {
      message = parseJson(text);
    } catch (error) {
      this.#refuse(refusalOfText(text, error));
      return;
    }
    const id = this.#asked(message, line.length);
    const write = (json: Json) => {
      this.#write(json);
      if (id !== undefined) this.#answered(id);
    };
    try {
      if (this.#intercept(message, write)) return;
      const parsed = asMessage(message);
      if (parsed) {
        this.onmessage?.(parsed);
        return;
      }
      this.#refuse(refusalOf(message));
    } catch (error) {
      this.#tell(error as Error);
      this.#refuse(id === undefined ? undefined : failed(id));
    }
    if (id !== undefined) this.#answered(id);
  }

  /** The id to which an answer will be owed. A subscription is answered when it ends, which may be never. */
  #asked(message: unknown, bytes: number): string | number | undefined {
    const { id, method, params } = (message ?? {}) as {
      id?: unknown;
      method?: unknown;
      params?: { requestId?: unknown } | null;
    };
    if (method === 'notifications/cancelled' && isRequestId(params?.requestId)) {
      this.#underWay.canceled(params.requestId);
      setImmediate(this.#closeIfDone);
    }
    if (typeof method !== 'string' || !isRequestId(id) || method === 'subscriptions/listen') return undefined;
    this.#underWay.add(id, bytes);
    return id;
  }

  #answered(id: string | number): void {
    this.#underWay.answered(id);
    this.#regulate();
    if (this.#hasEnded) setImmediate(this.#closeIfDone);
  }

  #refuse(answer: string | undefined): void {
    if (answer !== undefined) this.#write(answer);
  }

  /** Reads on only while the client reads too, and there is room for what it asks. */
  #regulate(): void {
    const mustWait = this.#stdout.writableLength > UNREAD.bytes || this.#underWay.isFull;
    if (mustWait === this.#isWaiting || this.#isClosed) return;
    this.#isWaiting = mustWait;
    if (mustWait) this.#stdin.pause();
    else this.#stdin.resume();
  }

  readonly #write = (json: Json): void => {
    if (this.#lines.push(json) === 1) setImmediate(this.#flush);
  };

  readonly #flush = (): void => {
    if (this.#lines.length === 0 || this.#isClosed) return;
    const lines = this.#lines;
    this.#lines = [];
    let text = '';
    this.#safely(() => {
      // Gathered, and written together: lists are megabytes in pieces, which are not to be copied.
      this.#stdout.cork();
      for (const line of lines) {
        if (typeof line === 'string') text += `${line}\n`;
        else {
          if (text !== '') this.#stdout.write(text);
          for (const piece of line) this.#stdout.write(piece);
          text = '\n';
        }
      }
      if (text !== '') this.#stdout.write(text);
      this.#stdout.uncork();
    });
    this.#regulate();
  };

  #safely(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#tell(error as Error);
    }
  }

  #tell(error: Error): void {
    try {
      this.onerror?.(error);
    } catch {
      // Whoever cannot hear of a failure must not end the process by it.
    }
  }
}

function asMessage(value: unknown): JSONRPCMessage | undefined {
  try {
    return parseJSONRPCMessage(value);
  } catch {
    return undefined;
  }
}
