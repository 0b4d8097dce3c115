import { cleanError } from '../cleanerror.ts';
import type { Action } from '../connector/action.ts';
import type { Connector } from '../connector/connector.ts';
import { withDefaults } from '../connector/schema.ts';
import type { Values } from '../connector/values.ts';
import { LONGEST_CALL_MS } from '../deadline.ts';
import { isTielineError, TielineError } from '../errors.ts';
import { loadSandbox } from '../expression/sandbox.ts';
import { readIntegrations } from '../integration/accounts.ts';
import { accountLabel, type Integration } from '../integration/integration.ts';
import type { Principal } from '../integration/principal.ts';
import { resolveIntegration } from '../integration/resolve.ts';
import { checkLength } from '../limits.ts';
import { openAccount } from './account.ts';
import { sizeOfValues, usualAdmission } from './admission.ts';
import { audited } from './audit.ts';
import { openCursor, sealCursor } from './cursor.ts';
import type { Engine } from './engine.ts';
import { fitResult } from './fit.ts';
import { once } from './once.ts';
import type { PageArguments } from './paging.ts';
import { checkPolicy } from './policy.ts';
import { providerKeys } from './providerkey.ts';
import { fileWithoutSecrets, redactedData } from './redaction.ts';
import type { Meta, Outcome, OutcomeJson } from './result.ts';
import { runSql } from './sql.ts';
import { type OnProgress, runRequests } from './steps.ts';
import { accountOptions } from './stored.ts';
import { checkArguments } from './validate.ts';

export type Call = {
  readonly connector: string;
  readonly entity: string;
  readonly action: string;
  readonly params: Values;
  /** Identifier of the account; the user's default one when absent. */
  readonly identifier?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Under the same key of the user the same call is made once in a day; see `once`. */
  readonly idempotencyKey?: string | undefined;
};

/**
 * Runs one action as one of the caller's accounts. All transports come through here.
 *
 * Throws a `TielineError` for everything a caller can act on.
 */
export async function execute(engine: Engine, who: Principal, call: Call): Promise<Outcome> {
  const { json: _, ...outcome } = await executeToJson(engine, who, call);
  return outcome;
}

/** The same, for whoever writes the result as JSON. */
export async function executeToJson(engine: Engine, who: Principal, call: Call): Promise<OutcomeJson> {
  const { connector: name, entity, action: wanted } = call;
  checkLength('connector', name);
  checkLength('entity', entity);
  checkLength('action', wanted);
  checkLength('integration', call.identifier);
  return audited(engine, who, { connector: name, entity, action: wanted }, async (note) => {
    const endsAt = performance.now() + LONGEST_CALL_MS;
    const leave = admissionOf(engine).enter(`${who.organization} ${who.user}`);
    try {
      const connector = engine.catalog.connector(name);
      const action = connector.action(entity, wanted);
      checkPolicy(engine.policy(connector.name), who, action);
      const { args, page } = readArguments(action, call.params);
      const { idempotencyKey: key } = call;
      const go = () => resolved(engine, who, { connector, action, args, page, call, endsAt }, note);
      return await (key === undefined ? go() : callOnce(engine, who, call, key, go));
    } finally {
      leave();
    }
  });
}

const admissionOf = ({ admission = usualAdmission }: Engine) => admission;

type Wanted = Omit<Run, 'integration'>;
type Note = (account: Integration) => void;

async function resolved(engine: Engine, who: Principal, wanted: Wanted, note: Note): Promise<OutcomeJson> {
  let mayHaveActed = () => false;
  try {
    const { connector, call } = wanted;
    const integration = resolveIntegration(
      await readIntegrations(engine.keystore, who, connector.name, engine.now()),
      connector.name,
      call.identifier,
    );
    note(integration);
    const { accounts } = admissionOf(engine);
    const place = accounts.take(integration.id, {
      ms: LONGEST_CALL_MS - SHORTEST_CALL_MS,
      signal: call.signal,
      bytes: () => sizeOfValues(call.params),
    });
    if (place) await place;
    try {
      return await run(engine, who, { ...wanted, integration }, (told) => {
        mayHaveActed = told;
      });
    } finally {
      accounts.free(integration.id);
    }
  } catch (error) {
    if (!isTielineError(error)) throw error;
    if (error.code === 'canceled' && mayHaveActed()) throw canceledLate(error);
    error.undone = error.code !== 'outcome_unknown' && !mayHaveActed();
    throw error;
  }
}

const canceledLate = (cause: unknown): TielineError =>
  new TielineError('outcome_unknown', 'the call was canceled when a part of it may have been done', {
    hint: 'Look whether it was done before doing it again.',
    cause,
  });

/** What is kept of a call: the data as the JSON that it is told as, and the bytes of a file as base64. */
type Kept = Pick<OutcomeJson, 'json' | 'meta'> & {
  readonly file?: { readonly name: string; readonly mimeType: string; readonly base64: string };
};

async function callOnce(engine: Engine, who: Principal, call: Call, key: string, run: () => Promise<OutcomeJson>) {
  const { connector, entity, action, params, identifier } = call;
  const request = JSON.stringify([connector, entity, action, params, identifier ?? null]);
  const named = { caller: ['call', who.organization, who.user], key, request };
  const { result } = await once<OutcomeJson>(engine.keystore, named, {
    run,
    keep: ({ json, meta, file }): Kept => ({
      json,
      meta,
      ...(file && {
        file: { name: file.name, mimeType: file.mimeType, base64: Buffer.from(file.bytes).toString('base64') },
      }),
    }),
    recall: ({ json, meta, file }: Kept) => ({
      data: JSON.parse(json),
      json,
      meta,
      ...(file && {
        file: { name: file.name, mimeType: file.mimeType, bytes: new Uint8Array(Buffer.from(file.base64, 'base64')) },
      }),
      isReplayed: true,
    }),
  });
  return result;
}

/** What is left at least for a call that had to wait for others, in milliseconds. */
const SHORTEST_CALL_MS = 5_000;

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
  /** On the clock of `performance.now`. */
  readonly endsAt: number;
};

/** The keys for the provider, where it takes some. */
function keysOf({ organization, user }: Principal, { action, integration, call }: Run) {
  if (!action.idempotency) return undefined;
  const { tool } = action;
  const caller = [organization, user];
  return providerKeys({ caller, account: integration.id, tool: tool.name, key: call.idempotencyKey });
}

type Tell = (mayHaveActed: () => boolean) => void;

async function run(engine: Engine, who: Principal, it: Run, tell: Tell): Promise<OutcomeJson> {
  const { action, integration, call, endsAt } = it;
  await loadSandbox();
  const plan = action.plan();
  const place = `cursor ${who.organization} ${who.user} ${integration.id} ${action.tool.name}`;
  const { limit, cursor } = it.page;
  const page: PageArguments =
    plan.pagination && cursor !== undefined
      ? openCursor(engine.keystore, place, plan.pagination, cursor, limit)
      : { limit, position: undefined };
  const options = await accountOptions(engine, who, it.connector, integration, call.signal);
  const account = openAccount(Object.assign(options, { endsAt }));
  tell(account.mayHaveActed);
  try {
    const { connector, args } = it;
    const { shaped, next, secrets } = plan.sql
      ? await runSql(engine.sql, account, plan.sql, { connector, action, args, page, signal: call.signal, endsAt })
      : await runRequests({ account, action, plan, args, page, onProgress: call.onProgress, keyOf: keysOf(who, it) });
    const identity = accountLabel(integration);
    const meta: Meta = {
      integration: integration.identifier,
      ...(identity !== undefined && identity !== integration.identifier && { account: identity }),
      ...(plan.pagination && {
        page: next
          ? { cursor: sealCursor(engine.keystore, place, plan.pagination, { ...page, position: next }), hasMore: true }
          : { hasMore: false },
      }),
    };
    const file = shaped.file && fileWithoutSecrets(shaped.file, secrets);
    return { ...fitResult({ ...redactedData(shaped.data, secrets), meta }), ...(file && { file }) };
  } catch (error) {
    throw cleanError(error, account.secrets.scrub);
  } finally {
    account.dispose();
  }
}
