import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { nodeSqlite } from '../../src/keystore/nodesqlite.ts';
import { openSqlite, type SqliteDriver } from '../../src/keystore/sqlite.ts';
import { storeKey } from '../../src/keystore/store.ts';
import { failureOf } from './failure.ts';
import { temporaryFolder } from './place.ts';

const [key, other] = [storeKey('app', 'a'), storeKey('app', 'b')];
const drivers: SqliteDriver[] = nodeSqlite() ? ['keyv', 'node'] : ['keyv'];

/** Takes the lock for writing, says so, and commits when it is told to. */
const HOLDER = `
  import sqlite3 from 'sqlite3';
  const database = new sqlite3.Database(process.argv[1]);
  database.exec("BEGIN IMMEDIATE; INSERT INTO keyv VALUES ('theirs', '{\\"value\\":\\"x\\"}')", (error) => {
    if (error) throw error;
    console.log('held');
  });
  process.stdin.once('data', () => database.exec('COMMIT', () => process.exit()));
`;

async function lockedBy(file: string): Promise<() => Promise<void>> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, file], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return async () => {
    child.stdin.write('\n');
    await ended;
  };
}

describe.each(drivers)('while another process writes to an SQLite file, under the driver %s,', (driver) => {
  async function started() {
    const file = join(await temporaryFolder(), 'tieline.db');
    const store = await openSqlite(file, driver);
    onTestFinished(() => store.close());
    await store.set(key, 'here');
    return { file, store };
  }

  it('the event loop goes on, reading waits for nobody, and writing waits its turn', async () => {
    const { file, store } = await started();
    const release = await lockedBy(file);
    const delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    const ended: string[] = [];
    const writing = [
      store.set(other, 'first').then(() => ended.push('set')),
      store.replace(key, 'here', 'next').then((it) => ended.push(`replace ${it}`)),
      ...Array.from({ length: 200 }, (_, index) => store.set(storeKey('user', String(index)), 'x')),
    ];
    const start = performance.now();
    let reads = 0;
    for (; performance.now() - start < 1_500; reads++) {
      expect(await store.get(key)).toBe('here');
      await sleep(5);
    }
    expect(ended).toEqual([]);
    // With waiting in SQLite itself there would be none of them.
    expect(reads).toBeGreaterThan(30);
    expect(delay.max / 1e6).toBeLessThan(1_000);
    await (await openSqlite(file, driver)).close(); // somebody else may open it meanwhile
    await release();
    await Promise.all(writing);
    expect(ended.sort()).toEqual(['replace true', 'set']);
    expect(await store.getMany([key, other])).toEqual(['next', 'first']);
  });

  it('writing is given up after five seconds, and works again later', async () => {
    const { file, store } = await started();
    const release = await lockedBy(file);
    const start = performance.now();
    const errors = await Promise.all([
      failureOf(store.set(key, 'late')),
      failureOf(store.replace(key, 'here', 'late')),
    ]);
    expect(performance.now() - start).toBeGreaterThan(4_900);
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'store_unavailable', retryAfter: 1 });
      expect(error.message).toContain('is locked by another process');
    }
    await release();
    await store.set(key, 'now');
    expect(await store.get(key)).toBe('now');
  });
});
