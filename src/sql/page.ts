import { bound } from '../bounded.ts';
import { TielineError } from '../errors.ts';
import { toJson } from './value.ts';

export type Column = { readonly name: string; readonly type?: string };

export type Rows = {
  /** A name that occurs again is numbered: `id`, `id_2`. */
  readonly columns: readonly Column[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** There are rows after these; the next ones begin at this page's `offset` + `rows.length`. */
  readonly hasMore: boolean;
};

export type PageLimits = { readonly maxRows: number; readonly offset: number };

/** As JSON. A page that grows beyond this ends early, so it is bounded however wide its rows are. */
const PAGE = bound({
  name: 'a page of rows of a database',
  entries: 10_000,
  bytes: 8 * 1024 * 1024,
  atBound: 'the page ends, and tells where the next one begins',
});

const HELD = bound({
  name: 'pages of results of statements under way',
  entries: 2_000,
  bytes: 16 * PAGE.bytes,
  atBound: 'pages end early, and fail with too_many_requests before their first row',
});
/** Bytes of all pages of this process that are not released. */
let held = 0;

/** Takes in the rows of a result one after another and keeps one page of them. */
export class Page {
  readonly limits: PageLimits;
  readonly #rows: Readonly<Record<string, unknown>>[] = [];
  #columns: readonly Column[] = [];
  #seen = 0;
  #bytes = 0;
  #hasMore = false;
  #isCrowded = false;

  constructor(limits: PageLimits) {
    this.limits = limits;
  }

  /** How many more rows are worth asking for: those up to the page, the page, and one to know whether more follow. */
  get wanted(): number {
    return this.isFull ? 0 : this.limits.offset + this.limits.maxRows + 1 - this.#seen;
  }

  /** There are rows that it did not take. */
  get isFull(): boolean {
    return this.#hasMore;
  }

  describe(columns: readonly Column[]): void {
    const names = new Set<string>();
    this.#columns = columns.map((column) => {
      let { name } = column;
      for (let number = 2; names.has(name); number += 1) name = `${column.name}_${number}`;
      names.add(name);
      return { ...column, name };
    });
  }

  /** False: no more rows are needed. */
  add(values: readonly unknown[]): boolean {
    if (this.#hasMore) return false;
    this.#seen += 1;
    if (this.#seen <= this.limits.offset) return true;
    // fromEntries makes `__proto__` a column like any other.
    const row = Object.fromEntries(this.#columns.map(({ name }, index) => [name, toJson(values[index])]));
    const bytes = this.#rows.length < this.limits.maxRows ? Buffer.byteLength(JSON.stringify(row)) : Infinity;
    this.#isCrowded = bytes <= PAGE.bytes && held + bytes > HELD.bytes;
    this.#hasMore = this.#bytes + bytes > PAGE.bytes || this.#isCrowded;
    if (this.#hasMore) return false;
    this.#bytes += bytes;
    held += bytes;
    this.#rows.push(row);
    return true;
  }

  /** Takes over what another page has kept. */
  take({ columns, rows, hasMore }: Rows): void {
    this.#columns = columns;
    this.#rows.push(...rows);
    this.#hasMore = hasMore;
  }

  /** What has been kept. */
  get rows(): Rows {
    return { columns: this.#columns, rows: this.#rows, hasMore: this.#hasMore };
  }

  /**
   * The same, for a result that is what was asked for.
   *
   * @throws TielineError `response_too_large` for a huge first row, `too_many_requests` for one beside too many others.
   */
  result(): Rows {
    if (this.#hasMore && this.#rows.length === 0) throw this.#isCrowded ? crowded() : tooLarge();
    return this.rows;
  }

  /** To be called once, when its statement is over: it counts no more among those that are held. */
  release(): void {
    held -= this.#bytes;
    this.#bytes = 0;
  }
}

function crowded(): TielineError {
  const hint = 'Wait until some are done, then try again; make fewer at a time.';
  return new TielineError('too_many_requests', 'too many large results are being read', { hint, retryAfter: 2 });
}

export function tooLarge(): TielineError {
  const hint = 'Select fewer columns, or only a part of long values.';
  return new TielineError('response_too_large', 'a row of the result is too large', { hint });
}
