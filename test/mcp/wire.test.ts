import { PassThrough, Readable, Writable } from 'node:stream';
import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import { type Intercept, StdioWire } from '../../src/mcp/wire.ts';

const LONGEST = 10 * 1024 * 1024;

type Stage = {
  readonly wire: StdioWire;
  readonly stdin: PassThrough;
  /** What was written to stdout, a write each. */
  readonly written: string[];
  readonly messages: unknown[];
  readonly errors: string[];
  readonly closings: number[];
};

/** A wire that has begun, and hands on to the SDK all that `intercept` does not take. */
async function open(intercept: Intercept = () => false, stdout?: Writable): Promise<Stage> {
  const stdin = new PassThrough();
  const written: string[] = [];
  const sink = new Writable({
    decodeStrings: false,
    write(chunk: string, _, done) {
      written.push(chunk);
      done();
    },
  });
  const wire = new StdioWire(intercept, stdin, stdout ?? sink);
  const stage: Stage = { wire, stdin, written, messages: [], errors: [], closings: [] };
  wire.onmessage = (message) => void stage.messages.push(message);
  wire.onerror = (error) => void stage.errors.push(error.message);
  wire.onclose = () => void stage.closings.push(1);
  await wire.start();
  return stage;
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const message = (id: number, text = 'é😀\u2028') => ({ jsonrpc: '2.0', id, method: 'ping', params: { text } });
const lineOf = (it: unknown, end = '\n') => Buffer.from(JSON.stringify(it) + end);
const answer = (id: number): JSONRPCMessage => ({ jsonrpc: '2.0', id, result: {} });

describe('what comes in', () => {
  it('is a message a line, wherever it is split', async () => {
    const bytes = Buffer.concat([lineOf(message(1)), lineOf(message(2), '\r\n')]);
    for (let at = 0; at <= bytes.length; at++) {
      const { stdin, messages } = await open();
      stdin.write(bytes.subarray(0, at));
      await turn();
      stdin.write(bytes.subarray(at));
      await turn();
      expect(messages).toEqual([message(1), message(2)]);
    }
  });

  it('may come byte by byte, and many messages at once', async () => {
    const { stdin, messages } = await open();
    for (const byte of lineOf(message(0))) stdin.write(Buffer.from([byte]));
    const all = Array.from({ length: 200 }, (_, id) => message(id + 1));
    stdin.write(Buffer.concat(all.map((it) => lineOf(it))));
    await turn();
    expect(messages).toEqual([message(0), ...all]);
  });

  it('is ignored where it is no JSON, and told of where it is no message', async () => {
    const { stdin, messages, errors } = await open();
    stdin.write('noise\n\n\r\n{"jsonrpc":\n\u0000\n\ufeff{}\n');
    stdin.write('[]\n42\nnull\n{"jsonrpc":"1.0","id":1,"method":"ping"}\n');
    stdin.write(lineOf(message(1)));
    await turn();
    expect(messages).toEqual([message(1)]);
    expect(errors).toHaveLength(4);
  });

  it('may be of ten megabytes, and ends the connection where it is longer', async () => {
    const { stdin, messages, errors, closings } = await open();
    const bare = lineOf(message(1, ''), '').length;
    const longest = lineOf(message(1, 'x'.repeat(LONGEST - bare)), '');
    expect(longest).toHaveLength(LONGEST);
    stdin.write(longest);
    stdin.write('\n');
    await turn();
    expect([messages.length, closings.length]).toEqual([1, 0]);
    stdin.write(longest);
    stdin.write('x');
    await turn();
    expect([messages.length, closings.length]).toEqual([1, 1]);
    expect(errors).toEqual([`a message is longer than ${LONGEST} bytes`]);
    stdin.write('\n');
    stdin.write(lineOf(message(2)));
    await turn();
    expect(messages).toHaveLength(1);
  });

  it('ends the connection when it ends, once, also where it had ended before', async () => {
    const { stdin, closings } = await open();
    stdin.end(lineOf(message(1)));
    await turn();
    await turn();
    expect(closings).toHaveLength(1);
    const ended = Readable.from([]);
    ended.resume();
    await turn();
    await turn();
    const wire = new StdioWire(() => false, ended, new PassThrough());
    const closed = new Promise<void>((resolve) => {
      wire.onclose = resolve;
    });
    await wire.start();
    await closed;
  });

  it('is read no further by a message that closes the connection', async () => {
    const stage = await open();
    stage.wire.onmessage = (it) => {
      stage.messages.push(it);
      void stage.wire.close();
    };
    stage.stdin.write(Buffer.concat([lineOf(message(1)), lineOf(message(2))]));
    await turn();
    expect(stage.messages).toEqual([message(1)]);
  });

  it('goes to whoever takes it first, and a failure there is told', async () => {
    const { stdin, messages, written, errors } = await open((it, write) => {
      const { id } = it as { id?: number };
      if (id === 3) throw new Error('not three');
      if (id === 1) write('{"one":1}');
      return id === 1;
    });
    stdin.write(Buffer.concat([1, 2, 3, 4].map((id) => lineOf(message(id)))));
    await turn();
    await turn();
    expect(messages).toEqual([message(2), message(4)]);
    expect(errors).toEqual(['not three']);
    expect(written).toEqual(['{"one":1}\n']);
  });
});

describe('what goes out', () => {
  it('is a line each, in order, those of one turn together, and told', async () => {
    const { wire, written } = await open();
    const told: unknown[] = [];
    wire.onsend = (it) => void told.push(it);
    await Promise.all([wire.send(answer(1)), wire.send(answer(2))]);
    await turn();
    await wire.send(answer(3));
    await turn();
    const lines = [1, 2, 3].map((id) => `${JSON.stringify(answer(id))}\n`);
    expect(written).toEqual([`${lines[0]}${lines[1]}`, lines[2]]);
    expect(told).toEqual([answer(1), answer(2), answer(3)]);
  });

  it('is written before the connection closes, and nothing after', async () => {
    let later = (_: string): void => {};
    const { wire, stdin, written, closings } = await open((_, write) => {
      later = write;
      return true;
    });
    stdin.write(lineOf(message(1)));
    await turn();
    await wire.send(answer(2));
    await wire.close();
    await wire.close();
    expect(written).toEqual([`${JSON.stringify(answer(2))}\n`]);
    expect(closings).toHaveLength(1);
    later('{"late":1}');
    await turn();
    expect(written).toHaveLength(1);
    await expect(wire.send(answer(3))).rejects.toThrow('closed');
  });

  it.each(['while it is open', 'when it was closed'])(
    'to a client that is gone fails nothing else: %s',
    async (when) => {
      const gone = new Writable({
        write: (_, __, done) =>
          void setImmediate(() => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))),
      });
      const { wire, errors, closings } = await open(undefined, gone);
      await wire.send(answer(1));
      if (when === 'when it was closed') await wire.close();
      for (let i = 0; i < 4; i++) await turn();
      expect(gone.destroyed).toBe(true);
      expect(closings).toHaveLength(1);
      expect(errors).toEqual(when === 'while it is open' ? ['write EPIPE'] : []);
      await expect(wire.send(answer(2))).rejects.toThrow('closed');
    },
  );
});
