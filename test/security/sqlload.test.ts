import { readdirSync, readlinkSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Page } from '../../src/sql/page.ts';
import { temporaryFolder } from '../keystore/place.ts';
import { failure, MARIADB, opened, POSTGRESQL, reasonToSkip, relay } from '../sql/servers.ts';

const MB = 1_000_000;
const SERVERS = [
  ['PostgreSQL', POSTGRESQL, await reasonToSkip(POSTGRESQL)],
  ['MariaDB', MARIADB, await reasonToSkip(MARIADB)],
] as const;

describe.each(SERVERS)('huge values of %s', (_, url, reason) => {
  it.skipIf(reason)(`are not taken in, ten at once neither${reason}`, async () => {
    const port = Number(new URL(url).port);
    const { port: through, received } = await relay(port);
    const connection = await opened({ url: url.replace(String(port), String(through)) });
    const length = url === MARIADB ? 15 * MB : 50 * MB;
    const statement = `SELECT ${Array(Math.ceil((50 * MB) / length))
      .fill(`repeat('x', ${length})`)
      .join(', ')}`;
    const calls = Array.from({ length: 10 }, () => failure(connection.query(statement)));
    expect(new Set((await Promise.all(calls)).map((it) => it.code))).toEqual(new Set(['response_too_large']));
    // Of 500 MB: 16 MiB of each at most, and what was on its way when the connection ended.
    expect(received()).toBeLessThan(300 * MB);
    expect((await connection.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});

const ENDLESS =
  'WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers) SELECT max(n) FROM numbers';

/** How many processes have this file open. */
function processesOn(file: string): number {
  const opens = (pid: string): boolean => {
    try {
      const files = join('/proc', pid, 'fd');
      return readdirSync(files).some((it) => readlinkSync(join(files, it)) === file);
    } catch {
      return false; // it has ended
    }
  };
  return readdirSync('/proc').filter((it) => /^\d+$/.test(it) && opens(it)).length;
}

describe.skipIf(process.platform !== 'linux')('statements on SQLite that never end (where there is /proc)', () => {
  it('take four processes of a file and no thread of this one, and end with their callers', async () => {
    const folder = await temporaryFolder();
    const [mine, other] = [join(folder, 'mine.db'), join(folder, 'other.db')];
    for (const file of [mine, other]) await writeFile(file, '');
    const policy = { allowPrivate: [], allowFiles: [folder] };
    const connection = await opened({ driver: 'sqlite', database: mine }, policy);
    const controller = new AbortController();
    onTestFinished(() => controller.abort());
    const options = { timeoutMs: 120_000, signal: controller.signal };
    const calls = Array.from({ length: 20 }, () => failure(connection.query(ENDLESS, {}, options)));
    await vi.waitFor(() => expect(processesOn(mine)).toBe(4), 20_000);

    const threads = Array.from({ length: 20 }, () => stat(folder));
    await expect(Promise.race([Promise.all(threads), Promise.allSettled(calls)])).resolves.toHaveLength(20);
    const neighbour = await opened({ driver: 'sqlite', database: other }, policy);
    expect((await neighbour.query('SELECT 1 AS one', {}, { timeoutMs: 60_000 })).rows).toEqual([{ one: 1 }]);
    const late = await failure(connection.query('SELECT 1', {}, { timeoutMs: 1_000 }));
    expect([late.code, late.hint]).toEqual(['too_many_requests', expect.stringContaining('Wait')]);
    expect(processesOn(mine)).toBe(4);

    controller.abort();
    expect(new Set((await Promise.all(calls)).map((it) => it.code))).toEqual(new Set(['canceled']));
    await vi.waitFor(() => expect(processesOn(mine)).toBe(0), 20_000);
    expect((await connection.query('SELECT 1 AS one', {}, { timeoutMs: 60_000 })).rows).toEqual([{ one: 1 }]);
  });

  it('wait in a line that is not endless', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'a.db');
    await writeFile(file, '');
    const connection = await opened({ driver: 'sqlite', database: file }, { allowPrivate: [], allowFiles: [folder] });
    const controller = new AbortController();
    const options = { timeoutMs: 120_000, signal: controller.signal };
    onTestFinished(() => controller.abort());
    const codes: string[] = [];
    const calls = Array.from({ length: 100 }, async () => {
      codes.push((await failure(connection.query(ENDLESS, {}, options))).code);
    });
    // But for four that run and 64 that wait.
    await vi.waitFor(() => expect(codes).toEqual(Array(32).fill('too_many_requests')), 30_000);
    controller.abort();
    await Promise.all(calls);
  });
});

function releaseAll(pages: readonly Page[]): void {
  for (const page of pages) page.release();
}

describe('pages of results', () => {
  it('are bounded all together', () => {
    const pages = Array.from({ length: 40 }, () => new Page({ maxRows: 100, offset: 0 }));
    onTestFinished(() => releaseAll(pages));
    const text = 'x'.repeat(4 * MB);
    for (const page of pages) {
      page.describe([{ name: 'a' }]);
      while (page.add([text]));
    }
    const rows = pages.reduce((sum, it) => sum + it.rows.rows.length, 0);
    expect(rows).toBe(Math.floor((128 * 1024 * 1024) / (4 * MB + 8)));
    expect(() => pages.at(-1)?.result()).toThrow(expect.objectContaining({ code: 'too_many_requests' }));
    releaseAll(pages);
    const page = new Page({ maxRows: 100, offset: 0 });
    page.describe([{ name: 'a' }]);
    page.add([text]);
    expect(page.result().rows).toHaveLength(1);
    page.release();
  });
});
