import type { ServerContext } from '@modelcontextprotocol/server';
import type { Action } from '../connector/action.ts';
import { isTielineError, TielineError } from '../errors.ts';
import type { Engine } from '../execute/engine.ts';
import { executeToJson } from '../execute/execute.ts';
import { neededAccount } from '../execute/needed.ts';
import type { Principal } from '../integration/principal.ts';
import { resultAnswer, type ToolAnswer } from './answer.ts';
import type { Need } from './link.ts';
import { IDEMPOTENCY_KEY } from './plain.ts';

/** What a call needs of the request that it came with. */
export type CallRequest = Pick<ServerContext['mcpReq'], 'signal' | 'notify' | 'requestState'> & {
  readonly _meta?: ServerContext['mcpReq']['_meta'] | undefined;
  readonly inputResponses?: ServerContext['mcpReq']['inputResponses'] | undefined;
};

/** Runs the action of a tool, and tells which account it lacks where it cannot be run without. */
export async function runAction(
  engine: Engine,
  who: Principal,
  action: Action,
  { integration, ...params }: Readonly<Record<string, unknown>>,
  { signal, _meta, notify }: Pick<CallRequest, 'signal' | '_meta' | 'notify'>,
): Promise<ToolAnswer | Need> {
  if (integration !== undefined && typeof integration !== 'string') throw notText();
  const progressToken = _meta?.progressToken;
  const idempotencyKey = _meta?.[IDEMPOTENCY_KEY] as string | undefined;
  const call = {
    connector: action.connector,
    entity: action.entity,
    action: action.name,
    params,
    identifier: integration,
    signal,
    idempotencyKey,
    onProgress:
      progressToken === undefined
        ? undefined
        : (progress: number, total: number | undefined, message: string) =>
            void notify({
              method: 'notifications/progress',
              params: { progressToken, progress, total, message },
            }).catch(() => {}),
  };
  try {
    return resultAnswer(await executeToJson(engine, who, call));
  } catch (error) {
    const wanted = await neededAccount(engine, who, call, error);
    if (!wanted || !isTielineError(error)) throw error;
    return { wanted, failure: error, mayRepeat: error.code === 'integration_required' || isSingle(action) };
  }
}

/** Whether nothing has been done when the account is refused: of several requests that write, some may have come through. */
function isSingle({ spec, plan }: Action): boolean {
  if (spec.effect === 'read') return true;
  const { steps, expand } = plan();
  const before = steps.slice(0, -1);
  return expand === undefined && before.every((it) => 'mime' in it || SAFE.has(it.request.method));
}

/** Methods of requests that only look things up (RFC 9110 §9.2.1). */
const SAFE = new Set(['GET', 'HEAD']);

const notText = () => new TielineError('arguments_invalid', 'the arguments do not fit: integration is not text');
