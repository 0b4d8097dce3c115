import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { SqliteDriver } from '../../src/keystore/sqlite.ts';
import type { StoreKey } from '../../src/keystore/store.ts';

const built = fileURLToPath(new URL('../../dist/keystore/sqlite.js', import.meta.url));

/** Opens a store and does as each line says: `set`, or `add`, which counts up so many times. */
const PROGRAM = `
  const { openSqlite } = await import(${JSON.stringify(built)});
  const { createInterface } = await import('node:readline');
  const [file, driver] = process.argv.slice(1);
  const store = await openSqlite(file, driver);
  console.log('open');
  for await (const line of createInterface({ input: process.stdin })) {
    const [what, key, value] = JSON.parse(line);
    if (what === 'set') await store.set(key, value);
    for (let left = what === 'add' ? value : 0; left > 0; ) {
      const text = await store.get(key);
      if (await store.replace(key, text, String(Number(text) + 1))) left -= 1;
    }
    console.log('done');
  }
  await store.close();
`;

export type OtherProcess = {
  set(key: StoreKey, value: string): Promise<void>;
  /** Adds one to a number, so many times. */
  add(key: StoreKey, times: number): Promise<void>;
  end(): Promise<void>;
};

/** Another process that has a database open; ended with the running test at the latest. */
export async function otherProcess(file: string, driver: SqliteDriver): Promise<OtherProcess> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, file, driver], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  onTestFinished(() => {
    child.kill();
    return ended;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  async function said(word: string): Promise<void> {
    const { value } = await lines.next();
    if (value !== word) throw new Error(`the other process said ${value}`);
  }
  const tell = (...words: unknown[]) => {
    child.stdin.write(`${JSON.stringify(words)}\n`);
    return said('done');
  };
  await said('open');
  return {
    set: (key, value) => tell('set', key, value),
    add: (key, times) => tell('add', key, times),
    end() {
      child.stdin.end();
      return ended;
    },
  };
}
