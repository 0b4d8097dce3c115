import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A port that nobody has now. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function reachable(port) {
  for (let tries = 0; tries < 200; tries++) {
    const isOpen = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      setTimeout(() => resolve(false), 1_000).unref();
      socket.once('close', () => socket.destroy());
    });
    if (isOpen) return;
    await sleep(50);
  }
  throw new Error(`nothing listens on port ${port}`);
}

/** Where the programs of the server are; undefined where it is not installed. */
function postgresPrograms() {
  const base = '/usr/lib/postgresql';
  const versions = existsSync(base) ? readdirSync(base).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((it) => join(base, it, 'bin')).find((it) => existsSync(join(it, 'initdb')));
}

/** PostgreSQL with a data folder of its own, reached through a proxy; undefined where it is not installed. */
export async function startPostgres() {
  const bin = postgresPrograms();
  if (!bin) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'tieline-faults-pg-'));
  const isRoot = userInfo().uid === 0;
  // The server refuses to run as root.
  const as = (program, ...args) =>
    isRoot ? run('runuser', ['-u', 'postgres', '--', join(bin, program), ...args]) : run(join(bin, program), args);
  if (isRoot) {
    const { stdout } = await run('id', ['-u', 'postgres']);
    await chown(folder, Number(stdout), -1);
  }
  await chmod(folder, 0o700);
  const data = join(folder, 'data');
  await as('initdb', '-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync');
  const port = await freePort();
  const options = `-p ${port} -k ${folder} -c listen_addresses=127.0.0.1 -c fsync=off`;
  const control = (...args) => as('pg_ctl', '-D', data, '-w', '-l', join(folder, 'log'), ...args);
  const start = () => control('-o', options, 'start');
  await start();
  const proxy = await startProxy(port);
  return {
    name: 'postgres',
    url: `postgres://postgres@127.0.0.1:${proxy.port}/postgres`,
    proxy,
    start,
    stop: (mode = 'fast') => control('-m', mode, 'stop'),
    restart: () => control('-m', 'fast', '-o', options, 'restart'),
    async close() {
      await proxy.close();
      await control('-m', 'immediate', 'stop').catch(() => {});
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Redis with a folder of its own, reached through a proxy; undefined where it is not installed. */
export async function startRedis() {
  const program = ['/usr/bin/redis-server', '/usr/local/bin/redis-server'].find((it) => existsSync(it));
  if (!program) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'tieline-faults-redis-'));
  const port = await freePort();
  let child;
  const start = async () => {
    child = spawn(
      program,
      [
        '--port',
        port,
        '--bind',
        '127.0.0.1',
        '--dir',
        folder,
        '--appendonly',
        'yes',
        '--appendfsync',
        'always',
        '--save',
        '',
      ],
      {
        stdio: 'ignore',
      },
    );
    await reachable(port);
  };
  await start();
  const stop = (signal = 'SIGTERM') =>
    new Promise((resolve) => {
      child.once('exit', resolve);
      child.kill(signal);
    });
  const proxy = await startProxy(port);
  return {
    name: 'redis',
    url: `redis://127.0.0.1:${proxy.port}?prefix=${randomUUID().slice(0, 8)}`,
    proxy,
    start,
    stop,
    async restart() {
      await stop();
      await start();
    },
    /** Everything that was stored is gone. */
    async empty() {
      await run('redis-cli', ['-p', String(port), 'FLUSHALL']);
    },
    async close() {
      await proxy.close();
      await stop('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Stands between a server and its clients: passes on, refuses, says nothing, or breaks every connection. */
export async function startProxy(target) {
  const pairs = new Set();
  let mode = 'pass';
  let server;
  const serve = (port) =>
    new Promise((resolve) => {
      server = createServer((client) => {
        const upstream = connect(target, '127.0.0.1');
        const pair = [client, upstream];
        pairs.add(pair);
        for (const it of pair) it.on('error', () => {}).on('close', () => end(pair));
        client.on('data', (data) => mode === 'pass' && upstream.write(data));
        upstream.on('data', (data) => mode === 'pass' && client.write(data));
      }).listen(port, '127.0.0.1', () => resolve(server.address().port));
    });
  const end = (pair) => {
    pairs.delete(pair);
    for (const it of pair) it.destroy();
  };
  const breakAll = () => {
    for (const [client, upstream] of pairs) {
      client.resetAndDestroy();
      upstream.destroy();
    }
    pairs.clear();
  };
  const port = await serve(0);
  return {
    port,
    breakAll,
    /** Bytes that came meanwhile are lost, so the connections are broken at the end. */
    async silent(ms) {
      mode = 'silent';
      await sleep(ms);
      breakAll();
      mode = 'pass';
    },
    async refused(ms) {
      server.close();
      breakAll();
      await sleep(ms);
      await serve(port);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        breakAll();
      }),
  };
}
