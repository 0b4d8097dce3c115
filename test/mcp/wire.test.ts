import { PassThrough, Readable, Writable } from 'node:stream';
import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import { type Intercept, StdioWire } from '../../src/mcp/wire.ts';
import { until } from '../e2e/program.ts';

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
async function open(intercept: Intercept = () => false, stdout?: Writable, endMs?: number): Promise<Stage> {
  const stdin = new PassThrough();
  const written: string[] = [];
  const sink = new Writable({
    decodeStrings: false,
    write(chunk: string, _, done) {
      written.push(chunk);
      done();
    },
  });
  const wire = new StdioWire(intercept, stdin, stdout ?? sink, endMs);
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

  it('is answered with an error where it is no message, but for what asks for no answer', async () => {
    const { stdin, messages, written } = await open();
    const refused: readonly (readonly [line: string, id: unknown, code: number])[] = [
      ['noise', null, -32700],
      ['{"jsonrpc":', null, -32700],
      ['\u0000', null, -32700],
      ['\ufeff{}', null, -32700],
      ['[]', null, -32600],
      ['[{"jsonrpc":"2.0","id":1,"method":"ping"}]', null, -32600],
      ['42', null, -32600],
      ['null', null, -32600],
      ['{}', null, -32600],
      ['{"jsonrpc":"1.0","id":1,"method":"ping"}', 1, -32600],
      ['{"jsonrpc":"2.0","id":"a","method":7}', 'a', -32600],
      ['{"jsonrpc":"2.0","id":2,"method":"ping","params":5}', 2, -32600],
      ...['null', '1.5', '1e21', '9007199254740993', '-9007199254740993', '[1]', '{}', 'true'].map(
        (id) => [`{"jsonrpc":"2.0","id":${id},"method":"ping"}`, null, -32600] as const,
      ),
    ];
    const silent = ['', '\r', '  ', '{"jsonrpc":"1.0","method":"x"}', '{"jsonrpc":"2.0","id":1.5,"result":{}}'];
    const noAnswer = ['{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}', '{"id":1,"error":7}'];
    for (const line of [...silent, ...noAnswer, ...refused.map(([it]) => it)]) stdin.write(`${line}\n`);
    stdin.write(lineOf(message(1)));
    await turn();
    await turn();
    expect(messages).toEqual([message(1)]);
    const answers = written
      .join('')
      .split('\n')
      .slice(0, -1)
      .map((it) => JSON.parse(it));
    expect(answers.map((it) => [it.id, it.error.code])).toEqual(refused.map(([, id, code]) => [id, code]));
  });

  it.each([200, 5_000, 200_000])('is answered with an error where it is %i levels deep', async (levels) => {
    const { stdin, messages, written } = await open();
    const deep = '['.repeat(levels) + ']'.repeat(levels);
    const lines = [
      `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"a":${deep}}}}`,
      `{"method":"tools/call","params":{"arguments":{"id":7,"a":${deep}}},"id":"two","jsonrpc":"2.0"}`,
      `{"jsonrpc":"2.0","id":${deep},"method":"ping"}`,
      `{"jsonrpc":"2.0","id":4,"result":${deep}}`,
      deep,
    ];
    for (const line of lines) stdin.write(`${line}\n`);
    stdin.write(lineOf(message(1)));
    await until(() => messages.length === 1);
    await turn();
    const answers = written
      .join('')
      .split('\n')
      .slice(0, -1)
      .map((it) => JSON.parse(it));
    expect(answers.map((it) => [it.id, it.error.code])).toEqual([1, 'two', null, null, null].map((id) => [id, -32600]));
  });

  it('may be of ten megabytes, and is skipped and answered with an error where it is longer', async () => {
    const { stdin, messages, written, closings } = await open();
    const bare = lineOf(message(1, ''), '').length;
    const longest = lineOf(message(1, 'x'.repeat(LONGEST - bare)), '');
    expect(longest).toHaveLength(LONGEST);
    for (const rest of ['\n', 'x\n', 'x']) {
      stdin.write(longest);
      stdin.write(rest);
    }
    await until(() => written.join('').split('\n').length === 3);
    for (let i = 0; i < 30; i++) stdin.write(longest.subarray(0, LONGEST / 10));
    stdin.write('\n');
    stdin.write(lineOf(message(2)));
    await until(() => messages.length === 2);
    await turn();
    expect(messages[1]).toEqual(message(2));
    const answers = written
      .join('')
      .split('\n')
      .slice(0, -1)
      .map((it) => JSON.parse(it));
    expect(answers.map((it) => [it.id, it.error.code])).toEqual([
      [null, -32600],
      [null, -32600],
    ]);
    expect(closings).toHaveLength(0);
  });

  it('ends the connection when it ends, once, also where it had ended before', async () => {
    const { stdin, closings } = await open();
    stdin.end(lineOf({ jsonrpc: '2.0', method: 'notifications/initialized' }));
    await turn();
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

  it('is answered also after its end, whatever the way, and the last line needs no break', async () => {
    const writes: ((json: string) => void)[] = [];
    const { wire, stdin, messages, written, closings } = await open((it, write) => {
      const isMine = (it as { id?: unknown }).id === 1;
      if (isMine) writes.push(write);
      return isMine;
    });
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 3 } };
    const listen = { jsonrpc: '2.0', id: 4, method: 'subscriptions/listen' };
    const lines = [message(1), message(1), message(3), listen, cancel].map((it) => lineOf(it));
    stdin.end(Buffer.concat([...lines, lineOf(message(2), '')]));
    await until(() => messages.length === 4);
    await wire.send(answer(2));
    for (let i = 0; i < 4; i++) await turn();
    for (const [i, write] of writes.entries()) {
      expect(closings).toHaveLength(0);
      write(`{"one":${i}}`);
      for (let j = 0; j < 4; j++) await turn();
    }
    expect(closings).toHaveLength(1);
    expect(written.join('')).toBe(`${JSON.stringify(answer(2))}\n{"one":0}\n{"one":1}\n`);
  });

  it('is waited for no longer than a call may take', async () => {
    const { stdin, closings } = await open(undefined, undefined, 20);
    stdin.end(lineOf(message(1)));
    await until(() => closings.length === 1);
  });

  it('is read no further while the client reads nothing, or waits for too many answers', async () => {
    let isRead = (): void => {};
    const blocked = new Writable({
      write(_, __, done) {
        isRead = done;
      },
    });
    const { wire, stdin, messages } = await open(undefined, blocked);
    await wire.send({ jsonrpc: '2.0', id: 1, result: { text: 'x'.repeat(2 * 1024 * 1024) } });
    await turn();
    expect(stdin.isPaused()).toBe(true);
    stdin.write(lineOf(message(2)));
    await turn();
    expect(messages).toEqual([]);
    isRead();
    await until(() => messages.length === 1);
    const many = Array.from({ length: 1_000 }, (_, i) => lineOf(message(i)));
    stdin.write(Buffer.concat(many));
    await until(() => stdin.isPaused());
    expect(messages).toHaveLength(1_001);
    stdin.write(lineOf(message(5_000)));
    await turn();
    expect(messages).toHaveLength(1_001);
    await Promise.all([wire.send(answer(1)), wire.send(answer(2)), wire.send(answer(2))]);
    await until(() => messages.length === 1_002);
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
    const failure = '{"jsonrpc":"2.0","id":3,"error":{"code":-32603,"message":"Internal error"}}';
    expect(written).toEqual([`{"one":1}\n${failure}\n`]);
  });

  it('fails nothing else, whatever listener throws', async () => {
    const thrown: unknown[] = [];
    const note = (error: unknown) => void thrown.push(error);
    process.on('uncaughtException', note).on('unhandledRejection', note);
    const fail = (): never => {
      throw new Error('a bug');
    };
    const broken = new Writable();
    broken.write = fail;
    try {
      for (const stdout of [undefined, broken]) {
        const { wire, stdin } = await open(fail, stdout);
        Object.assign(wire, { onmessage: fail, onerror: fail, onclose: fail, onsend: fail });
        await expect(wire.send(answer(1))).rejects.toThrow('a bug');
        stdin.write(`garbage\n${JSON.stringify(message(1))}\n`);
        stdin.emit('error', new Error('broken'));
        stdout?.emit('drain');
        await turn();
        stdin.end(lineOf(message(2)));
        for (let i = 0; i < 4; i++) await turn();
        stdout?.emit('error', new Error('gone'));
        await wire.close();
      }
    } finally {
      process.off('uncaughtException', note).off('unhandledRejection', note);
    }
    expect(thrown).toEqual([]);
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
