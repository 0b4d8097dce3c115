import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Meta, type Outcome, Result } from '../../src/sdk/result.ts';
import { failureOf } from '../execute/stage.ts';

/** A list in pages of these items; the cursor is the number of the page. */
function listOf(pages: readonly unknown[][], asked: string[] = []): Result<unknown[]> {
  const page = (index: number): Outcome => {
    const isLast = index >= pages.length - 1;
    const meta: Meta = {
      integration: 'work',
      page: isLast ? { hasMore: false } : { cursor: `${index + 1}`, hasMore: true },
    };
    return { data: pages[index] ?? [], meta };
  };
  return new Result(page(0), async (cursor) => {
    asked.push(cursor);
    return page(Number(cursor));
  });
}

describe('a result', () => {
  it('gives every item of every page once and in order, however they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.integer(), { maxLength: 4 }), { minLength: 1, maxLength: 6 }),
        async (pages) => {
          const result = listOf(pages);
          expect(await result.getAllItems()).toEqual(pages.flat());
          const seen: unknown[] = [];
          for await (const item of result) seen.push(item);
          expect(seen).toEqual(pages.flat());
        },
      ),
    );
  });

  it('asks for a page only when it is needed', async () => {
    const asked: string[] = [];
    const result = listOf([[1, 2], [3, 4], [5]], asked);
    expect(await result.getAllItems({ limit: 2 })).toEqual([1, 2]);
    expect(asked).toEqual([]);
    expect(await result.getAllItems({ limit: 3 })).toEqual([1, 2, 3]);
    expect(asked).toEqual(['1']);
    const second = await result.nextPage();
    expect([second.data, second.hasNext]).toEqual([[3, 4], true]);
    const last = await second.nextPage();
    expect([last.data, last.hasNext]).toEqual([[5], false]);
    expect((await failureOf(last.nextPage())).code).toBe('cursor_invalid');
  });

  it('ends with a provider that has no end', async () => {
    let count = 0;
    const endless: Outcome = { data: [1], meta: { integration: 'work', page: { cursor: 'a', hasMore: true } } };
    const circle = new Result(endless, async () => endless);
    expect((await failureOf(circle.getAllItems())).code).toBe('upstream_invalid');
    const next = async (): Promise<Outcome> => {
      count += 1;
      return { data: [], meta: { integration: 'work', page: { cursor: `new ${count}`, hasMore: true } } };
    };
    expect((await failureOf(new Result(endless, next).getAllItems({ maxPages: 7 }))).code).toBe('result_too_large');
    expect(count).toBe(6);
    count = 0;
    await failureOf(new Result(endless, next).getAllItems());
    expect(count).toBe(999);
  });

  it('does not pass over items that were left out of a page', async () => {
    const meta: Meta = { integration: 'work', truncated: { returned: 2, of: 9, hint: 'Less.' } };
    const result = new Result<number[]>({ data: [1, 2], meta }, () => Promise.reject(new Error('no')));
    expect((await failureOf(result.getAllItems())).code).toBe('result_too_large');
    expect(await result.getAllItems({ limit: 2 })).toEqual([1, 2]);
  });

  it('has no items where the data is no list', async () => {
    const result = new Result({ data: { a: 1 }, meta: { integration: 'work' } }, () => Promise.reject(new Error('no')));
    expect((await failureOf(result.getAllItems())).code).toBe('usage');
  });
});
