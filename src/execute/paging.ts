import type { PaginationPlan } from '../connector/plan.ts';
import type { Scripts } from '../expression/sandbox.ts';
import type { Scope } from '../expression/template.ts';
import type { Answer } from './answer.ts';
import type { PageParts } from './request.ts';

/** Where a page starts: a provider's cursor, a number of records or pages, or an address. */
export type Position = { readonly cursor: string } | { readonly number: number } | { readonly url: string };

export type PageArguments = { readonly limit: number | undefined; readonly position: Position | undefined };

/** What a request for one page carries. */
export function pageParts(plan: PaginationPlan, { limit, position }: PageArguments): PageParts {
  if (position && 'url' in position) return { url: position.url };
  const parts = { query: {}, json: {}, headers: {} } satisfies { query: object; json: object; headers: object };
  const put = (place: { in: 'query' | 'json' | 'header'; name: string }, value: string | number) => {
    if (place.in === 'header') Object.assign(parts.headers, { [place.name.toLowerCase()]: String(value) });
    else Object.assign(parts[place.in], { [place.name]: value });
  };
  if (plan.limit) put(plan.limit, pageSize(plan, limit) ?? plan.limit.default);
  if (plan.send && position) put(plan.send, 'cursor' in position ? position.cursor : position.number);
  else if (plan.send && plan.kind === 'page') put(plan.send, plan.start);
  return {
    query: parts.query,
    headers: parts.headers,
    ...(Object.keys(parts.json).length > 0 && { json: parts.json }),
  };
}

/** How many records a page has, where the definition says. */
export const pageSize = (plan: PaginationPlan, limit: number | undefined): number | undefined =>
  plan.limit && Math.min(limit ?? plan.limit.default, plan.limit.max);

/**
 * Where the next page starts, or undefined on the last one. The same place twice is the last page too: some
 * providers repeat their last cursor for ever.
 */
export function nextPosition(
  plan: PaginationPlan,
  answer: Answer,
  scope: Scope,
  page: PageArguments & { readonly count: number | undefined },
  scripts: Scripts | undefined,
): Position | undefined {
  const inScope = { ...scope, response: answer };
  if (plan.stop?.evaluate(inScope, scripts)) return undefined;
  const next = step(plan, answer, inScope, page, scripts);
  return next && JSON.stringify(next) !== JSON.stringify(page.position) ? next : undefined;
}

function step(
  plan: PaginationPlan,
  answer: Answer,
  scope: Scope,
  { limit, position, count }: PageArguments & { readonly count: number | undefined },
  scripts: Scripts | undefined,
): Position | undefined {
  if (plan.kind === 'cursor' || plan.kind === 'next_url') {
    const next = plan.next?.evaluate(scope, scripts);
    if (next === undefined || next === null || next === '' || next === false) return undefined;
    return plan.kind === 'cursor' ? { cursor: String(next) } : { url: String(next) };
  }
  if (plan.kind === 'link') {
    const next = linkTo('next', answer.headers.link ?? '');
    return next === undefined ? undefined : { url: next };
  }
  if (count === undefined || count === 0) return undefined;
  const size = pageSize(plan, limit);
  const total = Number(plan.total?.evaluate(scope, scripts) ?? Number.NaN);
  if (plan.kind === 'offset') {
    const offset = (position && 'number' in position ? position.number : 0) + count;
    return isMore(offset, total, count, size) ? { number: offset } : undefined;
  }
  const number = position && 'number' in position ? position.number : plan.start;
  const seen = (number - plan.start) * (size ?? count) + count;
  return isMore(seen, total, count, size) ? { number: number + 1 } : undefined;
}

/** By the total where it is known; else a page that is not full is the last. */
function isMore(seen: number, total: number, count: number, size: number | undefined): boolean {
  if (Number.isFinite(total)) return seen < total;
  return size === undefined || count >= size;
}

/** The target of one relation in a Link header (RFC 8288). */
export function linkTo(relation: string, header: string): string | undefined {
  for (const match of header.slice(0, 8_000).matchAll(/<([^<>]*)>((?:\s*;\s*[^;,"]+(?:"[^"]*")?)*)/g)) {
    const relations = /;\s*rel\s*=\s*"?([^";]+)/i
      .exec(match[2] ?? '')?.[1]
      ?.trim()
      .split(/\s+/);
    if (relations?.includes(relation)) return match[1];
  }
  return undefined;
}
