import type { Action } from '../connector/action.ts';
import type { Plan, StepPlan } from '../connector/plan.ts';
import type { Values } from '../connector/values.ts';
import { isTielineError, TielineError } from '../errors.ts';
import type { Account, Received } from './account.ts';
import { fanOut } from './expand.ts';
import { buildMime } from './mime.ts';
import { nextPosition, type PageArguments, pageParts } from './paging.ts';
import { type Done, shapeResult } from './result.ts';
import type { Roots } from './scope.ts';

/** `total` is undefined while nobody knows it. */
export type OnProgress = (done: number, total: number | undefined, message: string) => void;

/** One call of an action that is made of HTTP requests. */
export type Work = {
  readonly account: Account;
  readonly action: Action;
  readonly plan: Plan;
  readonly args: Values;
  readonly page: PageArguments;
  readonly onProgress: OnProgress | undefined;
  /** The key of what a step writes, where the provider takes one. */
  readonly keyOf?: ((step: number) => string) | undefined;
};

/** Makes the requests of an action and shapes what they gave. */
export async function runRequests(work: Work): Promise<Done> {
  const { account, plan, args, page } = work;
  const { received, steps } = await runSteps(work);
  const expanded = plan.expand && (await fanOut(work, plan.expand, received));
  const scope = account.scope({ args, steps, expanded: expanded?.bodies, response: received.answer });
  const shaped = shapeResult(plan.result, scope, received.bytes, account.scripts);
  // What the provider listed counts, also what was gone when it was looked at.
  const count = expanded?.count ?? shaped.count;
  const next =
    plan.pagination && nextPosition(plan.pagination, received.answer, scope, { ...page, count }, account.scripts);
  return { shaped, next, secrets: account.secrets.texts };
}

/** Runs the steps in order. The last one's answer is the action's. */
async function runSteps(work: Work) {
  const { account, plan, args } = work;
  const steps: Record<string, unknown> = {};
  let received: Received | undefined;
  for (const [i, step] of plan.steps.entries()) {
    const roots = { args, steps };
    if (step.when || 'mime' in step) await account.ready();
    if (step.when && !step.when.evaluate(account.scope(roots), account.scripts)) continue;
    try {
      if ('mime' in step) {
        steps[step.id ?? 'mail'] = await buildMime(step.mime.evaluate(account.scope(roots), account.scripts) as object);
        continue;
      }
      received = await requestStep(work, step, i, roots);
      if (step.id !== undefined) steps[step.id] = received.answer;
    } catch (error) {
      if (!step.optional || !isTielineError(error) || error.code === 'canceled') throw error;
    }
  }
  if (!received) throw new TielineError('definition_invalid', 'none of the steps of this action applies');
  return { received, steps };
}

function requestStep(
  { account, action, plan, page, onProgress, keyOf }: Work,
  step: Extract<StepPlan, { request: unknown }>,
  index: number,
  roots: Roots,
): Promise<Received> {
  const isLast = index === plan.steps.length - 1;
  // What a step before the last one does is told by its method: those of the steps that only look things up are safe.
  const effect = isLast || !['GET', 'HEAD'].includes(step.request.method) ? action.spec.effect : 'read';
  const { idempotency } = action;
  return account.request({
    plan: step.request,
    roots,
    effect,
    key: keyOf && idempotency && effect !== 'read' ? { header: idempotency.header, value: keyOf(index) } : undefined,
    errors: plan.errors,
    retry: action.retry,
    expected: isLast && plan.result.kind === 'file' && !plan.result.base64 ? 'file' : 'data',
    page: isLast && plan.pagination ? pageParts(plan.pagination, page) : undefined,
    onEvent: onProgress && ((count) => onProgress(count, undefined, count === 1 ? '1 event' : `${count} events`)),
  });
}
