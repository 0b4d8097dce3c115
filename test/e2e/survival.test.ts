import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../keystore/place.ts';
import { makeHome } from './home.ts';
import { start, until } from './program.ts';

/** Loaded into the server: throws where nothing catches it, in a timer, in a promise and in an event. */
const FAULTS = `
  import { EventEmitter } from 'node:events';
  process.on('SIGUSR2', () => {
    setTimeout(() => { throw new RangeError('a fault of a timer'); });
    void Promise.reject(new Error('a fault of a promise'));
    const emitter = new EventEmitter();
    setImmediate(() => emitter.emit('error', new Error('a fault of an event')));
  });
`;

it('a server goes on after failures that nobody caught, and tells of them in its log', async () => {
  const home = await makeHome({ server: { drain: { readinessDelay: '0s' } } });
  onTestFinished(() => home.close());
  const faults = join(await temporaryFolder(), 'faults.mjs');
  await writeFile(faults, FAULTS);
  const env = { ...home.env, NODE_OPTIONS: `--import ${pathToFileURL(faults).href}` };
  const server = start(['serve', '--port', '0', '--json'], { env, open: true });
  await until(() => server.stdout().includes('}'), server.stderr);
  const { url } = JSON.parse(server.stdout()) as { url: string };
  for (let i = 0; i < 3; i++) {
    server.child.kill('SIGUSR2');
    await until(() => server.stderr().split('a fault of an event').length > i + 1, server.stderr);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  }
  for (const what of ['a timer', 'a promise', 'an event']) expect(server.stderr()).toContain(`a fault of ${what}`);
  expect(server.child.exitCode).toBeNull();
  server.child.kill('SIGTERM');
  await until(() => server.child.exitCode !== null, server.stderr);
  expect(server.child.exitCode).toBe(0);
});
