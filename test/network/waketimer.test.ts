import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { createSender } from '../../src/network/send.ts';
import { wakeTimer } from '../../src/network/waketimer.ts';
import { failureOf } from '../keystore/failure.ts';

/** Stops everything in this process, as a busy loop, a signal or a lid that is closed does. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** A server in a process of its own, which answers while this one stands still. `drip` sends the end of the body later. */
async function serverThatAnswersAfter(ms: number, drip = 0): Promise<string> {
  const text = `
    const server = require('node:http').createServer((_, response) => setTimeout(() => {
      response.write('{"a":');
      setTimeout(() => response.end('1}'), ${drip});
    }, ${ms}));
    server.listen(0, '127.0.0.1', () => process.stdout.write(String(server.address().port)));`;
  const child = spawn(process.execPath, ['-e', text], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return `http://127.0.0.1:${await once(child.stdout, 'data')}`;
}

const send = (base: string, timeouts: object) => {
  const sender = createSender({ allowPrivate: ['127.0.0.1'] });
  onTestFinished(() => sender.close());
  const url = new URL(base);
  return sender.send({ method: 'GET', url, headers: {} }, { allowedHosts: new Set([url.host]), timeouts });
};

it.each([
  ['the first byte', { headersMs: 400 }, 200, 0],
  ['the rest of it', { bodyMs: 400 }, 50, 300],
  ['all of it', { totalMs: 400 }, 200, 0],
])(
  'an answer that came while the process stood still is read, though the time for %s was over',
  async (_, timeouts, ms, drip) => {
    const url = await serverThatAnswersAfter(ms, drip);
    const answer = send(url, timeouts);
    // The request has left, and nothing has come.
    await sleep(drip === 0 ? 100 : 150);
    standStill(1_000);
    expect(Buffer.from((await answer).bytes).toString()).toBe('{"a":1}');
  },
);

it('an answer that did not come is not waited for much longer by one who stood still', async () => {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const answer = failureOf(send(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { headersMs: 300 }));
  await sleep(100);
  standStill(700);
  expect(await answer).toMatchObject({ code: 'upstream_timeout', message: expect.stringContaining('within 0.3 s') });
});

it('is late once, after its time, and never once it was ended or as long as it is started anew', async () => {
  let late = 0;
  const count = () => {
    late += 1;
  };
  const began = performance.now();
  const [due, ended, restarted] = [wakeTimer(100, count), wakeTimer(100, count), wakeTimer(2_000, count)];
  ended.end();
  while (late === 0) await sleep(5).then(() => restarted.start());
  expect(performance.now() - began).toBeGreaterThanOrEqual(99);
  await sleep(200);
  expect(late).toBe(1);
  due.end();
  restarted.end();
});

it('is late at once where its time was over before it began', async () => {
  await new Promise<void>((resolve) => wakeTimer(-1_000, resolve));
});
