import type * as ToolCall from './toolcall.ts';

export type { LinkOptions } from './toolcall.ts';

let loaded: typeof ToolCall | undefined;

/** `answerToolCall` of toolcall.ts, which is loaded with the first call: a client asks for the tools long before. */
export const answerToolCall: typeof ToolCall.answerToolCall = async (...call) => {
  loaded ??= await import('./toolcall.ts');
  return loaded.answerToolCall(...call);
};
