import { isDue } from '../auth/credential.ts';
import { freshCredential } from '../auth/fresh.ts';
import { renewalFor } from '../auth/types.ts';
import type { Action } from '../connector/action.ts';
import type { Connector } from '../connector/connector.ts';
import type { Plan, StepPlan } from '../connector/plan.ts';
import { withDefaults } from '../connector/schema.ts';
import type { Values } from '../connector/values.ts';
import { isTielineError, TielineError } from '../errors.ts';
import { loadSandbox } from '../expression/sandbox.ts';
import { credentialKey, readIntegrations } from '../integration/accounts.ts';
import type { Integration } from '../integration/integration.ts';
import type { Principal } from '../integration/principal.ts';
import { resolveIntegration } from '../integration/resolve.ts';
import { type Account, accountScope, openAccount, type Received } from './account.ts';
import { openCursor, sealCursor } from './cursor.ts';
import type { Engine } from './engine.ts';
import { fitResult } from './fit.ts';
import { buildMime } from './mime.ts';
import { nextPosition, type PageArguments, type Position, pageParts } from './paging.ts';
import { checkPolicy } from './policy.ts';
import { withoutSecrets } from './redaction.ts';
import { renewCredential } from './renew.ts';
import { type Meta, type Outcome, type Shaped, shapeResult } from './result.ts';
import { runSql } from './sql.ts';
import { checkArguments } from './validate.ts';

export type Call = {
  readonly connector: string;
  readonly entity: string;
  readonly action: string;
  readonly params: Values;
  /** Identifier of the account; the user's default one when absent. */
  readonly identifier?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number, message: string) => void) | undefined;
};

/**
 * Runs one action as one of the caller's accounts. All transports come through here.
 *
 * Throws a `TielineError` for everything a caller can act on.
 */
export async function execute(engine: Engine, who: Principal, call: Call): Promise<Outcome> {
  const started = engine.now();
  let integration: Integration | undefined;
  let outcome = 'internal';
  try {
    const connector = engine.catalog.connector(call.connector);
    const action = connector.action(call.entity, call.action);
    checkPolicy(engine.policy(connector.name), who, action);
    const { args, page } = readArguments(action, call.params);
    integration = resolveIntegration(
      await readIntegrations(engine.keystore, who, connector.name),
      connector.name,
      call.identifier,
    );
    const result = await run(engine, who, { connector, action, integration, args, page, call });
    outcome = 'ok';
    return result;
  } catch (error) {
    if (isTielineError(error)) outcome = error.code;
    throw error;
  } finally {
    engine.audit.write({
      at: new Date(started).toISOString(),
      organization: who.organization,
      user: who.user,
      connector: call.connector,
      entity: call.entity,
      action: call.action,
      integration: integration?.identifier,
      outcome,
      ms: engine.now() - started,
    });
  }
}

type PageInput = { readonly limit: number | undefined; readonly cursor: string | undefined };

/** The action's own arguments, checked and with their defaults, apart from those of paging. */
export function readArguments(action: Action, params: Values): { args: Values; page: PageInput } {
  const { pagination } = action;
  checkArguments(action.args, params);
  if (!pagination) return { args: withDefaults(action.params, params), page: { limit: undefined, cursor: undefined } };
  const { limit, cursor, ...args } = params as { limit?: number; cursor?: string } & Values;
  return { args: withDefaults(action.params, args), page: { limit, cursor } };
}

type Run = {
  readonly connector: Connector;
  readonly action: Action;
  readonly integration: Integration;
  readonly args: Values;
  readonly page: PageInput;
  readonly call: Call;
};

async function run(engine: Engine, who: Principal, it: Run): Promise<Outcome> {
  const { action, integration, call } = it;
  await loadSandbox();
  const plan = action.plan();
  const place = `cursor ${who.organization} ${who.user} ${integration.id} ${action.tool.name}`;
  const { limit, cursor } = it.page;
  const page: PageArguments =
    plan.pagination && cursor !== undefined
      ? openCursor(engine.keystore, place, plan.pagination, cursor, limit)
      : { limit, position: undefined };
  const account = openAccount(await accountOptions(engine, who, it.connector, integration, call.signal));
  try {
    const { connector, args } = it;
    const { shaped, next, secrets } = plan.sql
      ? await runSql(engine.sql, account, plan.sql, { connector, action, args, page, signal: call.signal })
      : await runRequests(account, action, plan, args, page, call.onProgress);
    const data = withoutSecrets(shaped.data, secrets);
    const identity = integration.account.label;
    const meta: Meta = {
      integration: integration.identifier,
      ...(typeof identity === 'string' && identity !== integration.identifier && { account: identity }),
      ...(plan.pagination && {
        page: next
          ? { cursor: sealCursor(engine.keystore, place, plan.pagination, { ...page, position: next }), hasMore: true }
          : { hasMore: false },
      }),
    };
    return { ...fitResult({ data, meta }), ...(shaped.file && { file: shaped.file }) };
  } finally {
    account.dispose();
  }
}

/** What one call of an action gave, whatever it was asked over. */
export type Done = {
  readonly shaped: Shaped;
  /** Where the next page starts. */
  readonly next: Position | undefined;
  /** Texts that must not leave with the data, longest first. */
  readonly secrets: readonly string[];
};

async function runRequests(
  account: Account,
  action: Action,
  plan: Plan,
  args: Values,
  page: PageArguments,
  onProgress: Call['onProgress'],
): Promise<Done> {
  const { received, steps } = await runSteps(account, action, plan, args, page);
  const expanded = await fanOut(account, action, plan, args, received, onProgress);
  const scope = account.scope({ args, steps, expanded: expanded?.bodies, response: received.answer });
  const shaped = shapeResult(plan.result, scope, received.bytes, account.scripts);
  // What the provider listed counts, also what was gone when it was looked at.
  const count = expanded?.count ?? shaped.count;
  const next =
    plan.pagination && nextPosition(plan.pagination, received.answer, scope, { ...page, count }, account.scripts);
  return { shaped, next, secrets: account.secrets() };
}

/** The stored account that a call runs as, with its credential read and refreshed lazily. */
export async function accountOptions(
  engine: Engine,
  who: Principal,
  connector: Connector,
  integration: Integration,
  signal?: AbortSignal,
) {
  const option = connector.options.get(integration.option);
  if (!option) {
    throw new TielineError(
      'reauthorization_required',
      `${connector.name} no longer has the auth option ${integration.option}`,
      {
        hint: `Connect the account again: tieline connect ${connector.name}`,
      },
    );
  }
  const { keystore, sender, now } = engine;
  const parts = {
    option,
    app: await engine.app(connector.name),
    settings: integration.settings,
    facts: integration.account,
  };
  const renewal = renewalFor(option);
  return {
    ...parts,
    connector,
    sender,
    now,
    signal,
    credentials: (rejectedVersion?: number) =>
      freshCredential({
        keystore,
        key: credentialKey(who, connector.name, integration.id),
        now,
        rejectedVersion,
        isMissing: (it) => renewal?.isMissing(accountScope(parts, it)) ?? false,
        renew: async (it) => {
          const scope = accountScope(parts, it);
          if (!renewal?.isPossible(option, scope)) throw cannotRenew(connector, integration, isDue(it, now()));
          return renewCredential({ ...parts, connector, sender, now }, it);
        },
      }),
  };
}

function cannotRenew(connector: Connector, integration: Integration, isOver: boolean): TielineError {
  const why = isOver ? 'has run out' : 'is no longer accepted';
  return new TielineError('token_rejected', `the access of ${connector.name} ${integration.identifier} ${why}`, {
    hint: `Connect the account again: tieline connect ${connector.name}`,
  });
}

/** Runs the steps in order. The last one's answer is the action's. */
async function runSteps(account: Account, action: Action, plan: Plan, args: Values, page: PageArguments) {
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
      const isLast = i === plan.steps.length - 1;
      received = await requestStep(account, action, plan, step, roots, isLast, page);
      if (step.id !== undefined) steps[step.id] = received.answer;
    } catch (error) {
      if (!step.optional || !isTielineError(error) || error.code === 'canceled') throw error;
    }
  }
  if (!received) throw new TielineError('definition_invalid', 'none of the steps of this action applies');
  return { received, steps };
}

function requestStep(
  account: Account,
  action: Action,
  plan: Plan,
  step: Extract<StepPlan, { request: unknown }>,
  roots: Values,
  isLast: boolean,
  page: PageArguments,
): Promise<Received> {
  return account.request({
    plan: step.request,
    roots,
    // What a step before the last one does is told by its method: those of the steps that only look things up are safe.
    effect: isLast || !['GET', 'HEAD'].includes(step.request.method) ? action.spec.effect : 'read',
    errors: plan.errors,
    retry: action.retry,
    expected: isLast && plan.result.kind === 'file' && !plan.result.base64 ? 'file' : 'data',
    page: isLast && plan.pagination ? pageParts(plan.pagination, page) : undefined,
  });
}

/**
 * One request for each item of the answer, a few at a time. Gives their bodies in the order of the items, and how many
 * items the provider listed.
 */
async function fanOut(
  account: Account,
  action: Action,
  plan: Plan,
  args: Values,
  received: Received,
  onProgress: Call['onProgress'],
): Promise<{ bodies: unknown[]; count: number } | undefined> {
  const { expand } = plan;
  if (!expand) return undefined;
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
