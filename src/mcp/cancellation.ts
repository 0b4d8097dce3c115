const MOST_IDLE = 256;

/** Controllers that were never aborted, to be used again: making one costs more than the rest of what is around a call. */
const idle: AbortController[] = [];

export const takeController = (): AbortController => idle.pop() ?? new AbortController();

/** To be called when the call is over, and nobody listens to its signal any more. */
export function returnController(controller: AbortController): void {
  if (!controller.signal.aborted && idle.length < MOST_IDLE) idle.push(controller);
}
