import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { load } from '../load.ts';

const { openConnection, textOf } = await load('drive/connection.mjs');
const { closedLoop } = await load('drive/closedloop.mjs');

const GET = (path: string) => Buffer.from(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
const LONG = 'ä'.repeat(300_000);

const server = createServer((request, response) => {
  if (request.url === '/chunks') {
    response.write('one ');
    setTimeout(() => response.end('two'), 20);
  } else if (request.url === '/long') response.end(LONG);
  else if (request.url === '/gone') request.socket.end();
  else if (request.url === '/wrong') response.writeHead(500).end('no');
  else if (request.url === '/empty') response.writeHead(202, { 'content-length': 0 }).end();
  else response.end('plain');
});
let connection: Awaited<ReturnType<typeof openConnection>>;
beforeEach(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  connection = await openConnection((server.address() as AddressInfo).port);
});
afterEach(async () => {
  connection.close();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

// biome-ignore lint/suspicious/noExplicitAny: it has no types
const ask = (path: string): Promise<any> =>
  new Promise((resolve, reject) =>
    connection.send(GET(path), (answer: unknown, problem?: string) => (problem ? reject(problem) : resolve(answer))),
  );

describe('a connection', () => {
  it.each([
    ['/plain', '200', 'plain'],
    ['/chunks', '200', 'one two'],
    ['/long', '200', LONG],
    ['/empty', '202', ''],
    ['/wrong', '500', 'no'],
  ])('reads the whole answer of %s, and the next one', async (path, status, text) => {
    for (let times = 0; times < 2; times += 1) {
      const answer = await ask(path);
      expect(answer.status).toBe(status);
      expect(textOf(answer)).toBe(text);
    }
  });

  it('tells when it is closed', async () => {
    await expect(ask('/gone')).rejects.toBe('the connection was closed');
  });
});

describe('a closed loop', () => {
  it('keeps so many under way, and counts them', async () => {
    let underWay = 0;
    let most = 0;
    const loop = await closedLoop({
      concurrency: 4,
      count: 100,
      ask: (_: number, done: (answer: Buffer) => void) => {
        underWay += 1;
        most = Math.max(most, underWay);
        setImmediate(() => {
          underWay -= 1;
          done(Buffer.from('right'));
        });
      },
    });
    expect(loop).toMatchObject({ calls: 100, problems: [] });
    expect(most).toBe(4);
  });

  it('takes an answer of another length for a wrong one', async () => {
    let asked = 0;
    const loop = await closedLoop({
      concurrency: 1,
      count: 10,
      ask: (_: number, done: (answer: Buffer) => void) => {
        asked += 1;
        setImmediate(() => done(asked === 5 ? Buffer.alloc(900) : Buffer.alloc(100)));
      },
    });
    expect(loop.problems).toHaveLength(1);
  });

  it('looks into the first answer, and ends early when all fail', async () => {
    const failing = (_: number, done: (answer: Buffer) => void) => setImmediate(() => done(Buffer.from('wrong')));
    const loop = await closedLoop({ concurrency: 1, count: 1, ask: failing, check: () => 'not this' });
    expect(loop.problems).toEqual(['not this']);
    const broken = (_: number, done: (answer: undefined, problem: string) => void) =>
      setImmediate(() => done(undefined, 'refused'));
    expect((await closedLoop({ concurrency: 1, count: 1_000, ask: broken })).calls).toBeLessThan(10);
  });
});
