import { TielineError } from '../errors.ts';

export type Meta = {
  /** Identifier of the account that served the call. */
  readonly integration: string;
  /** Who that account is at the provider, where that is known. */
  readonly account?: string | undefined;
  readonly page?: { readonly cursor?: string | undefined; readonly hasMore: boolean } | undefined;
  /** Present where not all records fitted: those left out are on no other page. */
  readonly truncated?: { readonly returned: number; readonly of: number; readonly hint: string } | undefined;
};

export type FileContent = { readonly name: string; readonly mimeType: string; readonly bytes: Uint8Array };

/** What one call gave. */
export type Outcome = { readonly data: unknown; readonly meta: Meta; readonly file?: FileContent | undefined };

/** The items of a list. */
export type ItemOf<T> = T extends readonly (infer Item)[] ? Item : unknown;

export type ItemOptions = {
  /** Stop after so many items. */
  readonly limit?: number | undefined;
  /** Fail after so many pages; default 1,000. */
  readonly maxPages?: number | undefined;
};

/** Makes the call again for the page of a cursor. */
type CallAgain = (cursor: string) => Promise<Outcome>;

const MOST_PAGES = 1_000;

/** What a call gave, and the way to the pages after it. Iterating gives the items of this page and of all that follow. */
export class Result<T = unknown> implements AsyncIterable<ItemOf<T>> {
  readonly data: T;
  readonly meta: Meta;
  /** The content, where the action gives a file. */
  readonly file: FileContent | undefined;
  readonly #again: CallAgain;

  constructor({ data, meta, file }: Outcome, again: CallAgain) {
    // The compiler does not know what an action gives: the caller says so, or takes `unknown`.
    this.data = data as T;
    this.meta = meta;
    this.file = file;
    this.#again = again;
  }

  /** Whether there is a page after this one. */
  get hasNext(): boolean {
    return this.meta.page?.hasMore === true && this.meta.page.cursor !== undefined;
  }

  /** The page after this one. Throws `cursor_invalid` on the last. */
  async nextPage(): Promise<Result<T>> {
    const { cursor } = this.meta.page ?? {};
    if (!this.hasNext || cursor === undefined) {
      throw new TielineError('cursor_invalid', 'there is no page after this one', { hint: 'Look at hasNext first.' });
    }
    return new Result<T>(await this.#again(cursor), this.#again);
  }

  /** The items of this page and of all that follow. Throws as `items` does. */
  async getAllItems(options: ItemOptions = {}): Promise<ItemOf<T>[]> {
    const all: ItemOf<T>[] = [];
    for await (const item of this.items(options)) all.push(item);
    return all;
  }

  [Symbol.asyncIterator](): AsyncGenerator<ItemOf<T>> {
    return this.items();
  }

  /**
   * The same one after the other, asking for a page when it is needed. Throws `upstream_invalid` for a cursor that leads
   * to itself, `result_too_large` after `maxPages` and where items were left out of a page.
   */
  async *items({ limit, maxPages = MOST_PAGES }: ItemOptions = {}): AsyncGenerator<ItemOf<T>> {
    let given = 0;
    let page: Result<T> = this;
    for (let count = 1; ; count++) {
      for (const item of page.#list()) {
        if (limit !== undefined && given >= limit) return;
        given += 1;
        yield item;
      }
      const { truncated } = page.meta;
      if (truncated && (limit === undefined || given < limit)) {
        const message = `only ${truncated.returned} of the ${truncated.of} items of a page came`;
        throw new TielineError('result_too_large', message, { hint: 'Call with a smaller limit in params.' });
      }
      if (!page.hasNext || (limit !== undefined && given >= limit)) return;
      if (count >= maxPages) {
        throw new TielineError('result_too_large', `there are more than ${maxPages} pages`, {
          hint: 'Narrow the search, or allow more with maxPages.',
        });
      }
      const next = await page.nextPage();
      if (next.meta.page?.cursor !== undefined && next.meta.page.cursor === page.meta.page?.cursor) {
        throw new TielineError('upstream_invalid', 'the cursor of the next page leads to itself', {
          hint: 'Take what came so far: nothing else will come.',
        });
      }
      page = next;
    }
  }

  #list(): readonly ItemOf<T>[] {
    if (Array.isArray(this.data)) return this.data as readonly ItemOf<T>[];
    throw new TielineError('usage', 'the result is no list', { hint: 'Use its data.' });
  }
}
