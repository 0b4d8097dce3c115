import type { PaginationPlan } from '../connector/plan.ts';
import { TielineError } from '../errors.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { type PageArguments, type Position, pageSize } from './paging.ts';

/** Where a page starts, sealed: it opens for the tool, account and user in `place` only, and shows nobody anything. */
export function sealCursor(keystore: Keystore, place: string, plan: PaginationPlan, page: PageArguments): string {
  return keystore.seal(place, { position: page.position, size: pageSize(plan, page.limit) });
}

/** What the caller asks for with a cursor. Without a limit of its own the page is as large as the one before. */
export function openCursor(
  keystore: Keystore,
  place: string,
  plan: PaginationPlan,
  cursor: string,
  limit: number | undefined,
): PageArguments {
  const { position, size } = unsealCursor(keystore, place, cursor);
  // The third page of twenty is another place than the third page of ten.
  if (plan.kind === 'page' && limit !== undefined && pageSize(plan, limit) !== size) {
    throw new TielineError('cursor_invalid', `the cursor counts pages of ${size} records, not of ${limit}`, {
      hint: `Call again with limit ${size}, or start over without the cursor.`,
    });
  }
  return { position, limit: limit ?? size };
}

function unsealCursor(keystore: Keystore, place: string, cursor: string) {
  try {
    const { position, size } = keystore.unseal<{ position: Position; size?: number }>(place, cursor);
    return { position, size };
  } catch (cause) {
    throw new TielineError('cursor_invalid', 'the cursor was not given by this tool for this account', {
      hint: 'Use meta.page.cursor of the last answer as it is, with the same account, or leave it out.',
      cause,
    });
  }
}
