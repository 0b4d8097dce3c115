import type { Api } from './api.ts';

export type PageOptions = {
  /** Most items of a page, 1 to 100; default 20. */
  readonly limit?: number | undefined;
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined;
};

export type Page<T> = {
  readonly items: readonly T[];
  /** Absent on the last page. */
  readonly nextCursor?: string;
};

type Query = Readonly<Record<string, string | number | undefined>>;

export async function readPage<Raw, T>(api: Api, path: string, query: Query, of: (raw: Raw) => T): Promise<Page<T>> {
  const page = (await api.request({ method: 'GET', path, query })) as {
    readonly data: readonly Raw[];
    readonly next_cursor?: string | null;
  };
  const items = page.data.map(of);
  return { items, ...(page.next_cursor && { nextCursor: page.next_cursor }) };
}

const LARGEST_PAGE = 100;

/** The items of all pages, each page asked for when it is needed. */
export async function* readAll<Raw, T>(api: Api, path: string, query: Query, of: (raw: Raw) => T): AsyncGenerator<T> {
  let cursor: string | undefined;
  do {
    const page: Page<T> = await readPage(api, path, { limit: LARGEST_PAGE, ...query, cursor }, of);
    yield* page.items;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
}
