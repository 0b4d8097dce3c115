import type { Connection, Submittable } from 'pg';
import { TielineError } from '../errors.ts';
import type { Page } from './page.ts';
import type { Bound } from './statement.ts';

/** Rows of one round trip, where it may be that no more are wanted after them. */
const BATCH = 500;

export type PgField = { readonly name: string; readonly dataTypeID: number };

export type Reading = {
  readonly reads: boolean;
  readonly page: Page;
  /** For each column, how its text becomes JSON; told before the first row. */
  describe(fields: readonly PgField[]): readonly ((text: string) => unknown)[];
  /** Called with each row. */
  onRow(): void;
};

/**
 * One statement in the extended protocol, which takes a single statement and sends rows in portions. pg-cursor does the
 * same, but never ends if the commit is what fails.
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY
 */
export class Portal implements Submittable {
  readonly #bound: Bound;
  readonly #reading: Reading;
  #columns: readonly ((text: string) => unknown)[] = [];
  #affected = 0;
  #resolve: (affected: number) => void = () => {};
  #reject: (error: Error) => void = () => {};
  /** The number of rows changed, once all is done and committed. */
  readonly outcome: Promise<number>;

  constructor(bound: Bound, reading: Reading) {
    this.#bound = bound;
    this.#reading = reading;
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  submit(connection: Connection): void {
    connection.parse({ name: '', text: this.#bound.text, types: [] }, true);
    connection.bind({ values: this.#bound.values.map(toText) }, true);
    connection.describe({ type: 'P' }, true);
    this.#fetch(connection);
  }

  handleRowDescription({ fields }: { fields: readonly PgField[] }): void {
    this.#columns = this.#reading.describe(fields);
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    this.#reading.onRow();
    this.#reading.page.add(fields.map((text, index) => (text === null ? null : this.#columns[index]?.(text))));
  }

  handlePortalSuspended(connection: Connection): void {
    if (this.#reading.page.wanted > 0) this.#fetch(connection);
    else connection.sync();
  }

  handleCommandComplete({ text }: { text: string }, connection: Connection): void {
    const [, count] = /^(?:INSERT \d+|UPDATE|DELETE|MERGE) (\d+)$/.exec(text) ?? [];
    this.#affected = Number(count ?? 0);
    connection.sync();
  }

  handleEmptyQuery(connection: Connection): void {
    connection.sync();
  }

  handleCopyInResponse(): void {
    this.handleError(new TielineError('policy_denied', 'COPY may not be used here'));
  }

  handleCopyData(): void {
    this.handleCopyInResponse();
  }

  handleReadyForQuery(): void {
    this.#resolve(this.#affected);
  }

  handleError(error: Error): void {
    this.#reject(error);
  }

  #fetch(connection: Connection): void {
    const { reads, page } = this.#reading;
    // Without a number all rows come, which is what a write is to give.
    connection.execute(reads ? { rows: String(Math.min(BATCH, page.wanted)) } : {}, true);
    connection.flush();
  }
}

function toText(value: unknown): string | Buffer | null {
  if (value === null || typeof value === 'string' || Buffer.isBuffer(value)) return value;
  if (Array.isArray(value)) return arrayText(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO */
function arrayText(values: readonly unknown[]): string {
  const items = values.map((value) => {
    if (value === null) return 'NULL';
    if (Array.isArray(value)) return arrayText(value);
    const text = toText(value);
    const plain = Buffer.isBuffer(text) ? `\\x${text.toString('hex')}` : String(text);
    return `"${plain.replaceAll(/["\\]/g, '\\$&')}"`;
  });
  return `{${items.join(',')}}`;
}
