import type { PageLimits, Rows } from './page.ts';
import type { Bound } from './statement.ts';

/** One statement on one file: what a session with node:sqlite gives to its process. */
export type Job = {
  readonly file: string;
  readonly reads: boolean;
  readonly timeoutMs: number;
  readonly bound: Bound;
  readonly limits: PageLimits;
};

export type Answer =
  | { readonly rows: Rows; readonly affected: number }
  | {
      readonly message: string;
      readonly errcode?: number;
      readonly code?: string;
      readonly hint?: string | undefined;
    };

/** Bytes: of the longest value that is read or made, and of all that SQLite holds. Each driver can limit one of them. */
export const MOST_LENGTH = 32 * 1024 * 1024;
export const MOST_MEMORY = 256 * 1024 * 1024;

const BUSY_MS = 5_000;

export function setup({ reads, timeoutMs }: Pick<Job, 'reads' | 'timeoutMs'>): string {
  return [
    `PRAGMA busy_timeout = ${Math.min(BUSY_MS, timeoutMs)}`,
    // The file may be somebody else's: its views and triggers run nothing that has effects outside it.
    'PRAGMA trusted_schema = OFF',
    'PRAGMA foreign_keys = ON',
    `PRAGMA query_only = ${reads ? 'ON' : 'OFF'}`,
  ].join('; ');
}

/** Whether this Node has a node:sqlite that tells the columns of a result (22.16, 24). */
export function hasNodeSqlite(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return major >= 24 || (major === 22 && minor >= 16);
}

/** SQLite has no booleans, lists and objects: they are numbers and JSON text. */
export function toSqlite(value: unknown): unknown {
  if (typeof value === 'boolean') return Number(value);
  if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) return JSON.stringify(value);
  return value;
}
