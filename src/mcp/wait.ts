import { setTimeout as sleep } from 'node:timers/promises';
import { TielineError } from '../errors.ts';
import { type Progress, readAuthorization, readProgress } from '../execute/authorization.ts';
import type { Engine } from '../execute/engine.ts';
import type { CallRequest } from './call.ts';

/** How a link ended. */
export type Ended =
  | { readonly kind: 'done'; readonly integration: string }
  | {
      readonly kind: 'failed';
      readonly code: Extract<Progress, { kind: 'failed' }>['code'];
      readonly integration?: undefined;
    };

/** Milliseconds between two looks at the store. */
const PAUSE = 500;

/** How the link of an authorization ended; undefined while it has not. */
export async function endOf({ keystore }: Engine, id: string): Promise<Ended | undefined> {
  const authorization = await readAuthorization(keystore, id);
  const progress = authorization && (await readProgress(keystore, authorization));
  return progress?.kind === 'done' || progress?.kind === 'failed' ? progress : undefined;
}

/**
 * Waits for the user to get done with a link, for so many milliseconds, and tells the client that it does. Undefined
 * when they are not done by then. Throws `canceled`.
 */
export async function waitForEnd(
  engine: Engine,
  id: string,
  request: CallRequest,
  patience: number,
): Promise<Ended | undefined> {
  const { signal } = request;
  for (let waited = 0; ; waited += PAUSE) {
    const ended = await endOf(engine, id);
    if (ended || waited >= patience) return ended;
    tell(request, waited);
    await sleep(Math.min(PAUSE, patience - waited), undefined, { signal }).catch(() => {});
    if (signal.aborted) throw new TielineError('canceled', 'the call was canceled');
  }
}

/** Below 1, as progress only grows, and the call itself counts from there. */
function tell({ _meta, notify }: CallRequest, waited: number): void {
  const progressToken = _meta?.progressToken;
  if (progressToken === undefined || waited % (4 * PAUSE) !== 0) return;
  const progress = 1 - 1 / (2 + waited / PAUSE);
  const message = 'Waiting for the user to connect the account';
  void notify({ method: 'notifications/progress', params: { progressToken, progress, message } }).catch(() => {});
}
