import type { Readable, Writable } from 'node:stream';
import { type JSONRPCMessage, parseJSONRPCMessage, type Transport } from '@modelcontextprotocol/server';
import type { Json } from './direct.ts';

/** What is read beyond a line break, in bytes; a message that is longer is not waited for. */
const LONGEST_LINE = 10 * 1024 * 1024;
const LINE_BREAK = 10;

/** Takes a message, not looked at yet, and tells whether it will be answered by `write`. */
export type Intercept = (message: unknown, write: (json: Json) => void) => boolean;

/**
 * MCP over stdin and stdout, a JSON-RPC message a line, for both protocol eras. Messages go to `intercept` first, and to
 * the SDK where that does not take them. What is written in one turn of the event loop goes out together.
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
  #parts: Buffer[] = [];
  #size = 0;
  #lines: Json[] = [];
  #isClosed = false;

  constructor(intercept: Intercept, stdin: Readable = process.stdin, stdout: Writable = process.stdout) {
    this.#intercept = intercept;
    this.#stdin = stdin;
    this.#stdout = stdout;
  }

  async start(): Promise<void> {
    if (this.#stdin.readableEnded || this.#stdin.destroyed) setImmediate(this.#onEnd);
    this.#stdin.on('data', this.#onData).on('error', this.#onError).on('end', this.#onEnd).on('close', this.#onEnd);
    // Stays when this is closed: what was written may still fail, as when the client is gone.
    this.#stdout.on('error', this.#onLost);
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if (this.#isClosed) throw new Error('stdin or stdout is closed');
    this.onsend?.(message);
    this.#write(JSON.stringify(message));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#flush();
    this.#isClosed = true;
    this.#stdin.off('data', this.#onData).off('error', this.#onError).off('end', this.#onEnd).off('close', this.#onEnd);
    this.#stdin.pause();
    this.#parts = [];
    this.onclose?.();
  }

  readonly #onEnd = (): void => void this.close();
  readonly #onError = (error: Error): void => this.onerror?.(error);
  readonly #onLost = (error: Error): void => {
    if (this.#isClosed) return;
    this.onerror?.(error);
    void this.close();
  };

  readonly #onData = (chunk: Buffer): void => {
    let from = 0;
    for (let end = chunk.indexOf(LINE_BREAK); end >= 0; end = chunk.indexOf(LINE_BREAK, from)) {
      this.#parts.push(chunk.subarray(from, end));
      const line = this.#parts.length > 1 ? Buffer.concat(this.#parts) : (this.#parts[0] as Buffer);
      this.#parts = [];
      this.#size = 0;
      from = end + 1;
      this.#read(line.toString('utf8'));
      if (this.#isClosed) return;
    }
    if (from === chunk.length) return;
    this.#parts.push(chunk.subarray(from));
    this.#size += chunk.length - from;
    if (this.#size <= LONGEST_LINE) return;
    this.onerror?.(new Error(`a message is longer than ${LONGEST_LINE} bytes`));
    void this.close();
  };

  #read(line: string): void {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      return; // what a shell or a wrapper prints is no message
    }
    try {
      if (!this.#intercept(message, this.#write)) this.onmessage?.(parseJSONRPCMessage(message));
    } catch (error) {
      this.onerror?.(error as Error);
    }
  }

  readonly #write = (json: Json): void => {
    if (this.#lines.push(json) === 1) setImmediate(this.#flush);
  };

  readonly #flush = (): void => {
    if (this.#lines.length === 0 || this.#isClosed) return;
    const lines = this.#lines;
    this.#lines = [];
    let text = '';
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
  };
}
