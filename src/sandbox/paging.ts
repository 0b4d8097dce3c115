import { z } from 'zod';
import { Refusal } from './refusal.ts';

/** A whole number in a query string. */
export function count(fallback: number, least: number, most: number) {
  return z
    .string()
    .regex(/^\d{1,9}$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= least && value <= most, `must be from ${least} to ${most}`)
    .default(fallback);
}

/**
 * One page of rows that are sorted newest first, and the cursor of the next page (`null` on the last one).
 *
 * The cursor holds the number of the last row given, so rows that come or go meanwhile neither repeat nor hide others.
 */
export function cursorPage<Row extends { readonly id: string }>(
  rows: readonly Row[],
  cursor: string | undefined,
  limit: number,
): { items: Row[]; next: string | null } {
  const before = cursor === undefined ? Infinity : decode(cursor);
  const rest = rows.filter((row) => numberOf(row.id) < before);
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  return { items, next: last && rest.length > limit ? encode(numberOf(last.id)) : null };
}

/** RFC 8288 links to the neighbours of a page, relative to `url`; empty when there is only one page. */
export function pageLinks(url: string, offset: number, limit: number, total: number): string {
  const lastStart = Math.max(0, Math.floor((total - 1) / limit) * limit);
  const starts = [
    ['first', offset > 0 ? 0 : undefined],
    ['prev', offset > 0 ? Math.max(0, offset - limit) : undefined],
    ['next', offset + limit < total ? offset + limit : undefined],
    ['last', offset + limit < total ? lastStart : undefined],
  ] as const;
  return starts
    .filter(([, start]) => start !== undefined)
    .map(([rel, start]) => {
      const target = new URL(url);
      target.searchParams.set('offset', String(start));
      target.searchParams.set('limit', String(limit));
      return `<${target.href}>; rel="${rel}"`;
    })
    .join(', ');
}

function numberOf(id: string): number {
  return Number(id.slice(id.indexOf('_') + 1));
}

function encode(value: number): string {
  return Buffer.from(`before:${value}`).toString('base64url');
}

function decode(cursor: string): number {
  const found = /^before:(\d+)$/.exec(Buffer.from(cursor, 'base64url').toString())?.[1];
  if (found !== undefined) return Number(found);
  const fields = { cursor: 'is not one that this API gave out' };
  throw new Refusal(422, 'validation_failed', 'the cursor is not valid', { fields });
}
