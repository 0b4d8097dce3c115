import type { Dialect } from './lexer.ts';
import type { Page } from './page.ts';
import type { Bound } from './statement.ts';

/** One connection to a database, for one statement: nothing it sets or leaves open can reach the next one. */
export type Session = {
  /**
   * Runs the statement and gives its rows to the page: in a read-only transaction up to the last row the page wants,
   * else to its end, committed. Resolves with the number of rows that were changed.
   */
  run(bound: Bound, page: Page): Promise<number>;
  /** Asks the database to end the statement. `run` then fails, unless it was about to end anyway. */
  cancel(): Promise<void>;
  /** Gives up the connection, whatever it is doing. */
  close(): void;
};

export type SessionOptions = {
  readonly reads: boolean;
  readonly timeoutMs: number;
  /** Ends the attempt to connect; its reason is the error to fail with. */
  readonly stop: AbortSignal;
  /** What the statement takes while it waits for its turn. */
  readonly bytes: () => number;
};

export type Driver = {
  readonly dialect: Dialect;
  /** What failures call the database. */
  readonly name: string;
  /** A statement that succeeds only if the database can be read. */
  readonly probe: string;
  connect(options: SessionOptions): Promise<Session>;
};
