import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { openKeystore } from '../../src/keystore/keystore.ts';
import { storeKey } from '../../src/keystore/store.ts';
import { temporaryFolder } from './place.ts';

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
  expect(report.modes).toEqual({ key: '600', 'tieline.db': '600', 'tieline.db-wal': '600', 'tieline.db-shm': '600' });
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
