import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { bound, sizeOfText } from '../bounded.ts';
import { TielineError } from '../errors.ts';
import type { Audit, AuditRecord } from './audit.ts';

export type FileAudit = Audit & {
  /** Goes on in the file that has the name now: the one so far was put elsewhere. */
  reopen(): void;
};

export type FileAuditOptions = {
  /** What becomes of calls while the file cannot be written. They go on by default. */
  readonly onFailure?: 'continue' | 'refuse' | undefined;
  /** Told when lines are written again, and how many were not kept meanwhile. */
  readonly onResumed?: ((dropped: number) => void) | undefined;
};

/** What stands in the place of lines that were dropped. */
type Gap = Pick<AuditRecord, 'at' | 'entity' | 'action' | 'outcome' | 'ms'> & { readonly dropped: number };

const QUEUE = bound({
  name: 'audit lines while their file cannot be written',
  entries: 50_000,
  bytes: 8 * 1024 * 1024,
  atBound: 'further lines are dropped, and how many is written when the file can be written again',
});
/** How often a file that cannot be written is tried again, in milliseconds. */
const RETRY_MS = 1_000;
/** How often it is asked whether the file still has its name, in milliseconds. */
const LOOK_MS = 1_000;
const LINE_BREAK = 10;
/** Not through a link that somebody else has put there. Absent on Windows. */
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);

/**
 * One JSON line a call, in a file only its owner can read. The lines of one turn of the event loop are written together
 * at its end, and whoever waits for `write` goes on with the line handed to the system: it outlives the process, and the
 * machine some seconds later, as nothing is synced. The write is made on this thread, as it takes microseconds and the
 * others may all be waiting for something.
 *
 * A file that cannot be written pauses it: lines are gathered, and the file is tried again until it can be written.
 */
export function fileAudit(
  file: string,
  onError: (error: TielineError) => void,
  { onFailure = 'continue', onResumed }: FileAuditOptions = {},
): FileAudit {
  let opened: Opened | undefined;
  let lines: string[] = [];
  let size = 0;
  let dropped = 0;
  let pausedAt: number | undefined;
  let retry: NodeJS.Timeout | undefined;
  let gathering: Promise<void> | undefined;

  function add(record: AuditRecord | Gap): void {
    const line = `${JSON.stringify(record)}\n`;
    if (lines.length >= QUEUE.entries || size + sizeOfText(line) > QUEUE.bytes) {
      dropped++;
      return;
    }
    lines.push(line);
    size += sizeOfText(line);
  }

  /** Writes what is there. A line of which only a part was written is written once more, on a line of its own. */
  function flush(): void {
    try {
      if (opened && !hasItsName(opened, file)) close();
      opened ??= open(file);
      if (lines.length > 0) writeLines(opened);
      if (pausedAt !== undefined) goOn(opened, pausedAt);
    } catch (cause) {
      pause(cause);
    }
  }

  function writeLines(it: Opened): void {
    const bytes = Buffer.from(`${it.isTorn ? '\n' : ''}${lines.join('')}`, 'utf8');
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(it.fd, bytes, written);
    } finally {
      if (written > 0) {
        const count =
          written === bytes.length ? lines.length : lineBreaksIn(bytes.subarray(0, written)) - (it.isTorn ? 1 : 0);
        it.isTorn = bytes[written - 1] !== LINE_BREAK;
        lines = lines.slice(count);
        size = lines.reduce((sum, line) => sum + sizeOfText(line), 0);
      }
    }
  }

  function goOn(it: Opened, since: number): void {
    if (dropped > 0) {
      const [at, ms] = [new Date().toISOString(), Math.round(performance.now() - since)];
      const count = dropped;
      add({ at, entity: 'audit', action: 'pause', outcome: 'lines_dropped', dropped: count, ms });
      writeLines(it);
      dropped -= count;
      onResumed?.(count);
    } else onResumed?.(0);
    pausedAt = undefined;
  }

  function pause(cause: unknown): void {
    close();
    retry ??= setTimeout(() => {
      retry = undefined;
      flush();
    }, RETRY_MS).unref();
    if (pausedAt !== undefined) return;
    pausedAt = performance.now();
    const { code = 'unknown' } = cause as NodeJS.ErrnoException;
    onError(unavailable(`the audit log cannot be written (${code})`, `Check ${file} and the space there.`, cause));
  }

  function close(): void {
    if (opened) closeSync(opened.fd);
    opened = undefined;
  }

  return {
    write(record) {
      add(record);
      // The next try takes it along.
      if (pausedAt !== undefined) return undefined;
      gathering ??= new Promise((resolve) => {
        setImmediate(() => {
          gathering = undefined;
          flush();
          resolve();
        });
      });
      return gathering;
    },
    check() {
      if (onFailure === 'continue') return;
      if (!opened && pausedAt === undefined) flush();
      if (pausedAt !== undefined) {
        throw unavailable('no call is made while the audit log cannot be written', 'Ask the operator to mend it.');
      }
    },
    reopen() {
      if (lines.length > 0) flush();
      close();
    },
    async close() {
      if (lines.length > 0) flush();
      clearTimeout(retry);
      if (lines.length + dropped > 0) {
        onError(unavailable(`${lines.length + dropped} lines are missing in the audit log`, `Check ${file}.`));
      }
      lines = [];
      close();
    },
  };
}

/** A file that is open: which one it is, when that was asked last, and whether it ends in the middle of a line. */
type Opened = { readonly fd: number; readonly ino: number; readonly dev: number; lookedAt: number; isTorn: boolean };

/** Whether the file was neither renamed nor deleted, as far as that was asked lately. */
function hasItsName(it: Opened, file: string): boolean {
  const now = performance.now();
  if (now - it.lookedAt < LOOK_MS) return true;
  it.lookedAt = now;
  const named = lstatSync(file, { throwIfNoEntry: false });
  return named?.ino === it.ino && named.dev === it.dev;
}

function open(file: string): Opened {
  const fd = openSync(file, FLAGS, 0o600);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw Object.assign(new Error('it is no file'), { code: 'no file' });
    if ((stat.mode & 0o077) !== 0 && process.platform !== 'win32') fchmodSync(fd, 0o600);
    const last = Buffer.alloc(1);
    const isTorn = stat.size > 0 && readSync(fd, last, 0, 1, stat.size - 1) === 1 && last[0] !== LINE_BREAK;
    return { fd, ino: stat.ino, dev: stat.dev, lookedAt: performance.now(), isTorn };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Whether the file can be written: opens or makes it, and looks for space. Throws `audit_unavailable`. */
export function checkAuditFile(file: string): void {
  try {
    closeSync(open(file).fd);
    if (statfsSync(dirname(file)).bavail === 0) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
  } catch (cause) {
    const { code = 'unknown' } = cause as NodeJS.ErrnoException;
    throw unavailable(
      `${file} cannot be written (${code})`,
      'Make it a file that the user who runs Tieline owns, with space to grow.',
      cause,
    );
  }
}

function lineBreaksIn(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(LINE_BREAK); at >= 0; at = bytes.indexOf(LINE_BREAK, at + 1)) count++;
  return count;
}

const unavailable = (message: string, hint: string, cause?: unknown): TielineError =>
  new TielineError('audit_unavailable', message, { hint, cause });
