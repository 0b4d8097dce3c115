import { createHash } from 'node:crypto';
import {
  type InputRequiredResult,
  inputRequired,
  inputResponse,
  ProtocolError,
  ProtocolErrorCode,
  UrlElicitationRequiredError,
} from '@modelcontextprotocol/server';
import { isTielineError, TielineError } from '../errors.ts';
import type { Engine } from '../execute/engine.ts';
import type { Needed } from '../execute/needed.ts';
import { releaseAuthorization } from '../execute/reuse.ts';
import { type Called, type Round, sealRound, takeRound } from '../execute/round.ts';
import type { Principal } from '../integration/principal.ts';
import { linkAnswer, type ToolAnswer } from './answer.ts';
import type { CallRequest } from './call.ts';
import type { Peer } from './peer.ts';
import { type Ended, endOf, waitForEnd } from './wait.ts';

/** What a link is to be for. */
export type Wanted = Needed & {
  readonly option?: string | undefined;
  /** Name of the MCP client. */
  readonly client?: string | undefined;
};

/**
 * Makes the address at which the user links an account; for the same once more the same one. `expiresAt` is in epoch
 * milliseconds. Throws a `TielineError` where that cannot be done from here.
 */
export type Linker = (
  who: Principal,
  wanted: Wanted,
) => Promise<{ readonly url: string; readonly id: string; readonly expiresAt: number }>;

/** What a call lacks: an account that the user has to link. */
export type Need = {
  readonly wanted: Wanted;
  /** What is answered where no link can be given. */
  readonly failure: TielineError;
  /** False where running the call once more could do something twice. */
  readonly mayRepeat: boolean;
};

/** Runs a call; given the id of the integration that the user has just linked for it. */
export type Work = (linked: string | undefined) => Promise<ToolAnswer | Need>;

export type Linking = {
  readonly engine: Engine;
  readonly who: Principal;
  /** Absent where no links can be given. */
  readonly link: Linker | undefined;
  readonly peer: Peer;
  readonly called: Called;
  readonly request: CallRequest;
  /** How long a call that has come back waits for the user, in milliseconds. */
  readonly patience: number;
};

const KEY = 'link';

/**
 * Runs a call, and where the user has to link an account first, has them do so: by `input_required` in revision
 * 2026-07-28, by error -32042 in the revisions of 2025, and for clients that open no addresses by an answer with the
 * address. What a client says of the user having been there is not believed: how far they are stands in the store.
 */
export async function runLinking(it: Linking, work: Work): Promise<ToolAnswer | InputRequiredResult> {
  const { engine, who } = it;
  const state = it.request.requestState<string>();
  const round = state === undefined ? undefined : await roundOf(it, state);
  let ended = round && (await comeBack(it, round));
  if (round && !ended) return linkAnswer(unfinished(), round.url);
  for (let tries = 0; ; tries++) {
    if (ended?.kind === 'failed') throw notLinked(ended);
    const found = await work(ended?.integration);
    if (!('wanted' in found)) return found;
    // One link for one call: what still lacks then is for the agent to read.
    if (round || !it.link) throw found.failure;
    if (!who.scopes.has('manage')) throw notAllowed(found.failure);
    const link = await linkFor(it, it.link, found);
    ended = tries === 0 ? await endOf(engine, link.id) : undefined;
    if (!ended) return ask(it, found, link);
    // Of a link given before, whose end nobody has been told.
    await releaseAuthorization(engine, who, link.id);
    if (!found.mayRepeat) return ask(it, found, await linkFor(it, it.link, found));
  }
}

/** What a call that comes back waits for. Throws a fault of the protocol where the client has changed it. */
async function roundOf({ engine, who, peer, called }: Linking, state: string): Promise<Round | undefined> {
  if (peer.era !== 'modern') return undefined;
  const round = await takeRound(engine, who, called, state);
  if (round) return round;
  throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'Invalid or expired requestState', {
    reason: 'invalid_request_state',
  });
}

/** Waits a while for the user to get done; undefined when they are not by then. Throws where they did not want to. */
async function comeBack(it: Linking, { id }: Round): Promise<Ended | undefined> {
  const { engine, who, request, patience } = it;
  const response = inputResponse(request.inputResponses, KEY);
  if (response.kind === 'elicit' && response.action !== 'accept') {
    throw new TielineError('canceled', 'the user did not want to connect the account', { hint: NOT_AGAIN });
  }
  const ended = await waitForEnd(engine, id, request, patience);
  if (ended) await releaseAuthorization(engine, who, id);
  return ended;
}

async function linkFor({ who, peer }: Linking, linker: Linker, { wanted, failure }: Need): ReturnType<Linker> {
  try {
    return await linker(who, { ...wanted, client: peer.name });
  } catch (error) {
    if (!isTielineError(error)) throw error;
    const hint = [`No link can be given: ${error.message}.`, error.hint].filter(Boolean).join(' ');
    throw new TielineError(failure.code, failure.message, { hint, retryAfter: error.retryAfter, cause: error });
  }
}

async function ask(
  { engine, who, peer, called }: Linking,
  { wanted, failure, mayRepeat }: Need,
  { id, url }: Round,
): Promise<ToolAnswer | InputRequiredResult> {
  const { title } = engine.catalog.connector(wanted.connector);
  const message = `Connect your ${title} account${wanted.reconnect === undefined ? '' : ' again'}.`;
  if (!peer.opensUrls || !mayRepeat) return linkAnswer(failure, url);
  if (peer.era === 'modern') {
    return inputRequired({
      inputRequests: { [KEY]: inputRequired.elicitUrl({ url, message }) },
      requestState: await sealRound(engine, who, called, { id, url }),
    });
  }
  const elicitationId = createHash('sha256').update(`elicitation ${id}`, 'utf8').digest('base64url').slice(0, 22);
  throw new UrlElicitationRequiredError([{ mode: 'url', elicitationId, url, message }], message);
}

const notAllowed = ({ code, message }: TielineError): TielineError =>
  new TielineError(code, message, {
    hint: 'Ask the user to connect it, or to sign in again and allow the scope manage, with which you can give them a link.',
  });

const unfinished = (): TielineError =>
  new TielineError('integration_required', 'the user has not finished connecting the account yet');

const notLinked = ({ code }: Extract<Ended, { kind: 'failed' }>): TielineError =>
  code === 'canceled'
    ? new TielineError('canceled', 'the user chose not to connect the account', { hint: NOT_AGAIN })
    : new TielineError('authorization_failed', `the account could not be connected (${code})`, {
        hint: 'Call again for a new link.',
      });

const NOT_AGAIN = 'Go on without it, unless the user asks for it.';
