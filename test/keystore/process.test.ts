import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openKeystore } from '../../src/keystore/keystore.ts';
import { takeLease } from '../../src/keystore/lease.ts';
import { openStore } from '../../src/keystore/open.ts';
import { storeKey } from '../../src/keystore/store.ts';
import { temporaryFolder } from './place.ts';
import { postgresIsAbsent, postgresPlace, redisIsAbsent, redisPlace } from './servers.ts';

const run = promisify(execFile);
const built = (path: string) => fileURLToPath(new URL(`../../dist/keystore/${path}`, import.meta.url));

/** Opens the home as a program of its own would, writes one record, and tells the modes of all files while open. */
const PROGRAM = `
  process.umask(0);
  const { readdirSync, statSync } = await import('node:fs');
  const { openKeystore } = await import(${JSON.stringify(built('keystore.js'))});
  const { storeKey } = await import(${JSON.stringify(built('store.js'))});
  const [home, name] = process.argv.slice(1);
  const { keystore, notice, driver } = await openKeystore({ home, env: {} });
  await keystore.write(storeKey('app', name), name);
  const mode = (path) => (statSync(path).mode & 0o777).toString(8);
  const modes = Object.fromEntries(readdirSync(home).map((file) => [file, mode(home + '/' + file)]));
  process.stdout.write(JSON.stringify({ notice, driver, home: mode(home), modes }));
  await keystore.close();
`;

type Report = { notice?: string; driver: string; home: string; modes: Record<string, string> };

async function start(home: string, name: string): Promise<Report> {
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', PROGRAM, home, name]);
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Report;
}

it('a process without a umask makes private files only, and says nothing it was not asked', async () => {
  const report = await start(join(await temporaryFolder(), 'home'), 'a');
  expect(report.home).toBe('700');
  expect(report.modes).toEqual({
    key: '600',
    'tieline.db': '600',
    'tieline.db-wal': '600',
    'tieline.db-shm': '600',
    stores: '600',
  });
});

it('processes that start together for the first time end with one key and one store', async () => {
  const home = join(await temporaryFolder(), 'home');
  const names = ['a', 'b', 'c', 'd'];
  const reports = await Promise.all(names.map((name) => start(home, name)));
  expect(reports.filter((report) => report.notice !== undefined)).toHaveLength(1);
  const { keystore } = await openKeystore({ home, env: {} });
  const records = await keystore.readMany(names.map((name) => storeKey('app', name)));
  expect(records.map((record) => record?.value)).toEqual(names);
  await keystore.close();
});

const sqliteUrl = async () => `sqlite:${join(await temporaryFolder(), 'tieline.db')}`;

const SHARED: readonly [name: string, absent: string, url: () => string | Promise<string>][] = [
  ['SQLite', '', sqliteUrl],
  ['PostgreSQL', postgresIsAbsent, () => postgresPlace().url.href],
  ['Redis', redisIsAbsent, () => redisPlace().url.href],
];

/** The start of a program with the store of its first argument, which tells at its end what it leaves open. */
const WITH_STORE = `
  const { appendFileSync } = await import('node:fs');
  const { setTimeout: sleep } = await import('node:timers/promises');
  const { openStore } = await import(${JSON.stringify(built('open.js'))});
  const { takeLease } = await import(${JSON.stringify(built('lease.js'))});
  const { storeKey } = await import(${JSON.stringify(built('store.js'))});
  const [url, ...rest] = process.argv.slice(1);
  const store = await openStore(url);
  const key = storeKey('lease', 'a');
  const close = async () => {
    await store.close();
    await sleep(0);
    process.stdout.write(JSON.stringify(process.getActiveResourcesInfo().filter((it) => /TCP|TLS|Timeout/.test(it))));
  };
`;

const CONTENDERS = `${WITH_STORE}
  const [log] = rest;
  await Promise.all(Array.from({ length: 5 }, async (_, index) => {
    const lease = await takeLease(store, key, { ttlMs: 30_000, waitMs: 25_000 });
    const who = process.pid + '/' + index + ' ' + lease.fence;
    appendFileSync(log, 'enter ' + who + '\\n');
    await sleep(1);
    appendFileSync(log, 'leave ' + who + '\\n');
    await lease.release();
  }));
  await close();
`;

const HOLDER = `${WITH_STORE}
  await takeLease(store, key, { ttlMs: 60_000, waitMs: 0 });
  process.stdout.write('held');
  setInterval(() => undefined, 1_000);
`;

const program = (text: string, ...given: string[]) => ['--input-type=module', '-e', text, ...given];

describe.each(SHARED)('processes on one %s store%s', (_, absent, makeUrl) => {
  it.skipIf(absent)('hold a lease one after the other, 20 contenders in 4 of them', async () => {
    const [url, log] = [await makeUrl(), join(await temporaryFolder(), 'log')];
    const ended = await Promise.all(
      Array.from({ length: 4 }, () => run(process.execPath, program(CONTENDERS, url, log))),
    );
    expect(ended).toEqual(Array.from({ length: 4 }, () => ({ stdout: '[]', stderr: '' })));
    const lines = (await readFile(log, 'utf8')).trim().split('\n');
    const holders = lines.filter((line) => line.startsWith('enter')).map((line) => line.slice('enter '.length));
    expect(lines).toEqual(holders.flatMap((who) => [`enter ${who}`, `leave ${who}`]));
    expect(holders.map((who) => Number(who.split(' ')[1]))).toEqual(Array.from({ length: 20 }, (_, at) => at + 1));
  });

  it.skipIf(absent)('take a lease over from one that was killed', async () => {
    const url = await makeUrl();
    const holder = spawn(process.execPath, program(HOLDER, url));
    onTestFinished(() => void holder.kill('SIGKILL'));
    await once(holder.stdout, 'data');
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    const store = await openStore(url);
    const lease = await takeLease(store, storeKey('lease', 'a'), { ttlMs: 30_000, waitMs: 20_000 });
    expect(lease).toMatchObject({ fence: 2 });
    await store.close();
  });
});

it.each([
  ['postgres:', 'npm install @keyv/postgres@2 pg@8'],
  ['redis:', 'npm install @keyv/redis@5'],
])('%s without its optional packages says how to install them', async (scheme, command) => {
  const folder = await temporaryFolder();
  await cp(built('..'), join(folder, 'dist'), { recursive: true });
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await mkdir(join(folder, 'node_modules'));
  await symlink(
    fileURLToPath(new URL('../../node_modules/keyv', import.meta.url)),
    join(folder, 'node_modules', 'keyv'),
  );
  const text = `
    const { openStore } = await import(${JSON.stringify(join(folder, 'dist', 'keystore', 'open.js'))});
    await openStore('${scheme}//app:hunter2222@127.0.0.1/0').catch(({ code, hint }) => {
      process.stdout.write(JSON.stringify({ code, hint }));
    });
  `;
  const { stdout } = await run(process.execPath, program(text));
  expect(JSON.parse(stdout)).toEqual({ code: 'config_invalid', hint: expect.stringContaining(command) });
});

it.skipIf(redisIsAbsent)(`rediss: trusts a certificate only of a known authority${redisIsAbsent}`, async () => {
  const folder = await temporaryFolder();
  const { url } = redisPlace();
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-keyout', key, '-out', cert];
  execFileSync('openssl', ['req', '-x509', '-nodes', '-days', '2', ...made, ...subject], { stdio: 'ignore' });
  const server = createServer({ key: await readFile(key), cert: await readFile(cert) }, (client) => {
    client.on('error', () => undefined);
    client.pipe(connect(Number(url.port), url.hostname)).pipe(client);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  const tls = `rediss://localhost:${(server.address() as AddressInfo).port}/0${url.search}`;
  const text = `${WITH_STORE} await store.set(key, 'value'); await close();`;
  const trusting = { ...process.env, NODE_EXTRA_CA_CERTS: cert };
  expect(await run(process.execPath, program(text, tls), { env: trusting })).toEqual({ stdout: '[]', stderr: '' });
  await expect(openStore(tls)).rejects.toMatchObject({
    code: 'store_unavailable',
    message: expect.stringContaining('certificate'),
    hint: expect.stringContaining('NODE_EXTRA_CA_CERTS'),
  });
});
