import { closeSync, openSync, readSync, statSync } from 'node:fs';

/** Tells whether a store has changed, without reading it. */
export type Stamp = {
  /**
   * Another value after a commit, whoever made it; undefined where that cannot be told. Looked up once a millisecond at
   * most, and after `noteWrite`.
   */
  stamp(): number | undefined;
  /** To be called after each write of this process. */
  noteWrite(): void;
};

/** Bytes of the first copy of the header. */
const HEADER = 48;

/** Changes seen, of all databases: the stamp of one that takes the place of another is one that was never given. */
let changes = 0;

/**
 * The header of the index of an SQLite database in WAL mode, which all processes that have it open share, and which every
 * commit changes (https://www.sqlite.org/walformat.html §2.2).
 */
class WalIndex {
  readonly #file: string;
  #descriptor: number | undefined;
  #isAbsent = false;
  #header = Buffer.alloc(HEADER);
  #last = Buffer.alloc(HEADER);
  #count = ++changes;
  #lookedAt = Number.NEGATIVE_INFINITY;
  users = 0;

  constructor(file: string) {
    this.#file = file;
  }

  stamp(): number | undefined {
    const now = performance.now();
    if (now - this.#lookedAt < 1) return this.#count;
    const descriptor = this.#opened();
    if (descriptor === undefined || readSync(descriptor, this.#header, 0, HEADER, 0) !== HEADER) return undefined;
    this.#lookedAt = now;
    if (!this.#header.equals(this.#last)) {
      [this.#header, this.#last] = [this.#last, this.#header];
      this.#count = ++changes;
    }
    return this.#count;
  }

  #opened(): number | undefined {
    if (this.#descriptor !== undefined || this.#isAbsent) return this.#descriptor;
    try {
      this.#descriptor = openSync(this.#file, 'r');
    } catch {
      // Not in WAL mode, or on a system where nobody else may look at that file.
      this.#isAbsent = true;
    }
    return this.#descriptor;
  }

  noteWrite(): void {
    this.#lookedAt = Number.NEGATIVE_INFINITY;
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
  }
}

export type OpenStamp = Stamp & {
  /** Whether this process has the database open more than once. */
  isShared(): boolean;
  close(): void;
};

/** Which file is at a path; undefined where there is none. */
export function fileId(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}

/**
 * By database, one for the process: to close any descriptor of a file ends all locks that the process holds on it
 * (POSIX), those of SQLite too.
 */
const open = new Map<string, WalIndex>();

/**
 * For a database file that is there. To be asked for before the database is opened, so that nobody else closes the index
 * meanwhile; `close` is to be called once it is closed itself. `stamp` is for when it is in WAL mode.
 */
export function walStamp(database: string): OpenStamp {
  const id = fileId(database) ?? '';
  const index = open.get(id) ?? new WalIndex(`${database}-shm`);
  open.set(id, index);
  index.users += 1;
  let isClosed = false;
  return {
    isShared: () => index.users > 1,
    stamp: () => (isClosed ? undefined : index.stamp()),
    noteWrite: () => index.noteWrite(),
    close() {
      if (isClosed) return;
      isClosed = true;
      index.users -= 1;
      if (index.users > 0) return;
      open.delete(id);
      index.close();
    },
  };
}
