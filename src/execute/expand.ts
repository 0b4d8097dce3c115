import type { ExpandPlan } from '../connector/plan.ts';
import { isTielineError, TielineError } from '../errors.ts';
import type { Received } from './account.ts';
import type { Work } from './steps.ts';

/**
 * One request for each item of the answer, a few at a time. Gives their bodies in the order of the items, and how many
 * items the provider listed.
 */
export async function fanOut(
  { account, action, plan, args, onProgress }: Work,
  expand: ExpandPlan,
  received: Received,
): Promise<{ bodies: unknown[]; count: number }> {
  const items = expand.over.evaluate(account.scope({ args, response: received.answer }), account.scripts) ?? [];
  if (!Array.isArray(items)) throw new TielineError('upstream_invalid', 'the provider gave no list to expand');
  const chosen = items.slice(0, expand.max);
  const bodies: unknown[] = new Array(chosen.length).fill(GONE);
  let next = 0;
  let done = 0;
  const worker = async () => {
    while (next < chosen.length) {
      const i = next++;
      try {
        const { answer } = await account.request({
          plan: expand.request,
          roots: { args, item: chosen[i] },
          effect: 'read',
          errors: plan.errors,
          retry: action.retry,
        });
        bodies[i] = answer.body;
      } catch (error) {
        // Deleted since the list was made: it is no longer part of it.
        if (!isTielineError(error) || error.code !== 'not_found') {
          next = chosen.length; // the call fails: the others need not ask on
          throw error;
        }
      }
      onProgress?.(++done, chosen.length, `${action.entity}.${action.name}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(expand.concurrency, chosen.length) }, worker));
  return { bodies: bodies.filter((it) => it !== GONE), count: items.length };
}

const GONE = Symbol('gone');
