import { type InputRequiredResult, ProtocolError } from '@modelcontextprotocol/server';
import { TielineError } from '../errors.ts';
import type { Engine } from '../execute/engine.ts';
import type { Principal } from '../integration/principal.ts';
import { log } from '../log.ts';
import { runAccountTool } from './accounts.ts';
import { errorAnswer, type ToolAnswer } from './answer.ts';
import { type CallRequest, runAction } from './call.ts';
import { type Linker, runLinking } from './link.ts';
import type { Peer } from './peer.ts';
import { IDEMPOTENCY_KEY } from './plain.ts';

export { prepareCalls } from '../execute/prepare.ts';

/** How calls are made possible that lack an account. */
export type LinkOptions = {
  /** Gives the user an address at which to link an account. Absent where that is done otherwise. */
  readonly link?: Linker | undefined;
  /** How long a call waits for a user who links an account, in milliseconds. */
  readonly patience?: number | undefined;
};

/** Less than the minute after which clients give a call up, and mostly enough for somebody who signs in. */
const PATIENCE = 45_000;

export type ToolCall = LinkOptions & {
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly peer: Peer;
  readonly request: CallRequest;
};

/**
 * What a call of a tool of Tieline's own answers, however it came. What fails is an answer too; thrown are faults of the
 * protocol alone.
 */
export async function answerToolCall(
  engine: Engine,
  who: Principal,
  { name, args, peer, request, link, patience = PATIENCE }: ToolCall,
): Promise<ToolAnswer | InputRequiredResult> {
  const action = engine.catalog.actionOfTool(name);
  const called = { tool: name, args };
  try {
    return await runLinking({ engine, who, link, peer, called, request, patience }, (linked) => {
      if (action) return runAction(engine, who, action, args, request);
      if (request._meta?.[IDEMPOTENCY_KEY] !== undefined) throw takesNoKey(name);
      return runAccountTool(engine, who, name, args, linked);
    });
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    return errorAnswer(error, (reference, cause) => log.error('a call failed', { tool: name, reference, cause }));
  }
}

const takesNoKey = (name: string): TielineError =>
  new TielineError('arguments_invalid', `${name} takes no ${IDEMPOTENCY_KEY}`, { hint: 'Leave it out.' });
