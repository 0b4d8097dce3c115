import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, chmod, mkdir, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TielineError } from '../../src/errors.ts';
import type { AuditRecord } from '../../src/execute/audit.ts';
import { checkAuditFile, type FileAuditOptions, fileAudit } from '../../src/execute/auditfile.ts';

let folder: string;
let file: string;
let told: TielineError[];
let dropped: number[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tieline-audit-'));
  file = join(folder, 'audit.jsonl');
  told = [];
  dropped = [];
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const record: AuditRecord = {
  at: '2026-11-21T12:00:00.000Z',
  organization: 'acme',
  user: 'alice',
  connector: 'sample',
  entity: 'things',
  action: 'get',
  outcome: 'ok',
  ms: 7,
};
const numbered = (ms: number): AuditRecord => ({ ...record, ms });

const open = (options: FileAuditOptions = {}, at = file) =>
  fileAudit(at, (error) => told.push(error), { ...options, onResumed: (count) => dropped.push(count) });

/** The lines of a file that are whole. */
async function linesOf(at = file): Promise<{ ms?: number; dropped?: number }[]> {
  const text = await readFile(at, 'utf8');
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line)];
    } catch {
      return [];
    }
  });
}

const resumed = () => expect.poll(() => dropped.length, { timeout: 15_000 }).toBeGreaterThan(0);

describe('fileAudit', () => {
  it('adds a line for each record, whatever stands in it', async () => {
    const records = [record, { ...record, user: 'a\nb"\u2028', outcome: 'not_found', integration: 'main' }];
    for (const it of records) {
      const audit = open();
      await audit.write(it);
      await audit.close();
    }
    const lines = (await readFile(file, 'utf8')).split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.map((it) => JSON.parse(it))).toEqual(records);
    expect(told).toEqual([]);
  });

  it('has the line in the file when what waits for it goes on, and those of one turn together', async () => {
    const audit = open();
    await Promise.all(Array.from({ length: 100 }, (_, i) => audit.write(numbered(i))));
    expect((await linesOf()).map((it) => it.ms)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    await audit.close();
  });

  it.runIf(process.platform !== 'win32')('is for its owner only, also where it was not', async () => {
    await writeFile(file, '', { mode: 0o644 });
    await chmod(file, 0o644);
    const audit = open();
    await audit.write(record);
    await audit.close();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it.runIf(process.platform !== 'win32')('follows no link', async () => {
    const other = join(folder, 'other');
    await writeFile(other, 'mine');
    await symlink(other, file);
    const audit = open();
    await audit.write(record);
    await audit.close();
    expect(await readFile(other, 'utf8')).toBe('mine');
    expect(told[0]?.code).toBe('audit_unavailable');
    expect(() => checkAuditFile(file)).toThrow(expect.objectContaining({ code: 'audit_unavailable' }));
  });

  it('makes no file before there is something to write', async () => {
    await open().close();
    expect(existsSync(file)).toBe(false);
  });

  it('ends a line that was torn before it goes on', async () => {
    await writeFile(file, `${JSON.stringify(numbered(1))}\n{"at":"2026-`);
    const audit = open();
    await audit.write(numbered(2));
    await audit.close();
    expect((await linesOf()).map((it) => it.ms)).toEqual([1, 2]);
  });

  it('tells once that it cannot write, goes on by itself, and has every line then', async () => {
    const at = join(folder, 'later', 'audit.jsonl');
    const audit = open({}, at);
    for (let i = 0; i < 5; i++) await audit.write(numbered(i));
    expect(told).toMatchObject([{ code: 'audit_unavailable' }]);
    await mkdir(join(folder, 'later'));
    await resumed();
    await audit.write(numbered(5));
    expect((await linesOf(at)).map((it) => it.ms)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(told).toHaveLength(1);
    await audit.close();
  });

  it('keeps a bounded number of lines meanwhile, and writes how many it dropped', async () => {
    const at = join(folder, 'later', 'audit.jsonl');
    const audit = open({}, at);
    await audit.write(record);
    const long = { ...record, outcome: 'x'.repeat(64_000) };
    for (let i = 0; i < 1_000; i++) void audit.write(long);
    await mkdir(join(folder, 'later'));
    await resumed();
    const lines = await linesOf(at);
    const [count = 0] = dropped;
    expect(count).toBeGreaterThan(0);
    expect(lines.at(-1)).toMatchObject({ entity: 'audit', outcome: 'lines_dropped', dropped: count });
    expect(lines).toHaveLength(1_001 - count + 1);
    expect((await stat(at)).size).toBeLessThan(9 * 1024 * 1024);
    await audit.close();
  });

  it('tells at its end what it could not write', async () => {
    const audit = open({}, join(folder, 'nowhere', 'audit.jsonl'));
    await audit.write(record);
    await audit.close();
    expect(told.map((it) => it.message)).toEqual([expect.any(String), expect.stringContaining('1 lines are missing')]);
  });

  it('has calls refused before they run, where that is wanted, until it can write again', async () => {
    const at = join(folder, 'later', 'audit.jsonl');
    const audit = open({ onFailure: 'refuse' }, at);
    expect(() => audit.check?.()).toThrow(expect.objectContaining({ code: 'audit_unavailable', status: 503 }));
    await mkdir(join(folder, 'later'));
    await resumed();
    expect(() => audit.check?.()).not.toThrow();
    await audit.close();
    const lax = open({}, join(folder, 'nowhere', 'audit.jsonl'));
    await lax.write(record);
    expect(() => lax.check?.()).not.toThrow();
    await lax.close();
  });

  it.each(['renamed', 'deleted'] as const)('makes the file anew when it was %s', async (how) => {
    const audit = open();
    await audit.write(numbered(1));
    const old = join(folder, 'audit.1');
    await rename(file, old);
    if (how === 'deleted') await rm(old);
    // Looked at about once a second.
    await expect
      .poll(
        async () => {
          await audit.write(numbered(2));
          return existsSync(file);
        },
        { timeout: 15_000, interval: 100 },
      )
      .toBe(true);
    expect((await linesOf()).length).toBeGreaterThan(0);
    await audit.close();
  });

  it('goes on in the new file at once when it is asked to open it again', async () => {
    const audit = open();
    const first = audit.write(numbered(1));
    audit.reopen();
    await first;
    await rename(file, join(folder, 'audit.1'));
    audit.reopen();
    await audit.write(numbered(2));
    await audit.close();
    expect((await linesOf(join(folder, 'audit.1'))).map((it) => it.ms)).toEqual([1]);
    expect((await linesOf()).map((it) => it.ms)).toEqual([2]);
  });

  it('shares a file with others, none of whose lines are torn', async () => {
    const audits = Array.from({ length: 4 }, () => open());
    await Promise.all(audits.flatMap((audit) => Array.from({ length: 50 }, (_, i) => audit.write(numbered(i)))));
    await Promise.all(audits.map((it) => it.close()));
    expect((await readFile(file, 'utf8')).split('\n').length - 1).toBe(200);
    expect(await linesOf()).toHaveLength(200);
  });
});

/** A file system of a few pages, where this machine lets one be made. */
const small = await mkdtemp(join(tmpdir(), 'tieline-full-'));
const hasSmall =
  process.platform === 'linux' &&
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small], { stdio: 'ignore' }).status === 0;
if (!hasSmall) await rm(small, { recursive: true });

describe.skipIf(!hasSmall)(`a full disk${hasSmall ? '' : ' (no file system can be mounted here)'}`, () => {
  const filler = join(small, 'filler');
  const at = join(small, 'audit.jsonl');
  afterEach(async () => {
    await rm(filler, { force: true });
    await rm(at, { force: true });
  });

  it('pauses the audit, which goes on when there is space, with every line whole', async () => {
    const audit = open({}, at);
    for (let i = 0; i < 20; i++) await audit.write(numbered(i));
    await appendFile(filler, Buffer.alloc(128 * 1024)).catch(() => undefined);
    for (let i = 20; i < 200; i++) await audit.write(numbered(i));
    expect(told).toMatchObject([{ code: 'audit_unavailable' }]);
    expect(() => checkAuditFile(at)).toThrow(expect.objectContaining({ code: 'audit_unavailable' }));
    await rm(filler);
    await resumed();
    await audit.write(numbered(200));
    expect((await linesOf(at)).map((it) => it.ms)).toEqual(Array.from({ length: 201 }, (_, i) => i));
    await audit.close();
    expect(dropped).toEqual([0]);
  });
});

afterAll(async () => {
  if (!hasSmall) return;
  execFileSync('umount', [small]);
  await rm(small, { recursive: true });
});
