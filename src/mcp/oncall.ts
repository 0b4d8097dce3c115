import { log } from '../log.ts';
import type * as ToolCall from './toolcall.ts';

export type { LinkOptions } from './toolcall.ts';

let loaded: typeof ToolCall | undefined;
let isPrepared = false;

/** How long an answer has to leave before anything is prepared, in milliseconds. */
const PAUSE = 20;

/** `answerToolCall` of toolcall.ts, which is loaded late: a client asks for the tools long before it calls one. */
export const answerToolCall: typeof ToolCall.answerToolCall = (engine, who, call) =>
  loaded ? loaded.answerToolCall(engine, who, call) : load().then((it) => it.answerToolCall(engine, who, call));

async function load(): Promise<typeof ToolCall> {
  loaded ??= await import('./toolcall.ts');
  return loaded;
}

/** Loads what calls need, for whoever has just listed the tools: the first call then finds it there. */
export function prepareCalls(): void {
  if (isPrepared) return;
  isPrepared = true;
  setTimeout(() => {
    const preparing = load().then((it) => it.prepareCalls());
    preparing.catch((error: unknown) => log.debug('not prepared', { error })); // the call itself will say so
  }, PAUSE).unref();
}
