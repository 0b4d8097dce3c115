import { TielineError } from '../errors.ts';

export type Clock = {
  /** Aborted, with a TielineError as its reason, when time is up or the caller has given up. */
  readonly signal: AbortSignal;
  stop(): void;
};

export function startClock(timeoutMs: number, signals: readonly (AbortSignal | undefined)[]): Clock {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(timeout(timeoutMs)), timeoutMs);
  const cancel = () => controller.abort(new TielineError('canceled', 'the call was canceled'));
  for (const signal of signals) {
    if (signal?.aborted) cancel();
    signal?.addEventListener('abort', cancel, { once: true });
  }
  return {
    signal: controller.signal,
    stop() {
      clearTimeout(timer);
      for (const signal of signals) signal?.removeEventListener('abort', cancel);
    },
  };
}

/** The outcome of the work, or the signal's reason if that comes first. */
export async function untilStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let onAbort = () => {};
  const stopped = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    work.catch(() => undefined); // it may fail later, when nobody listens any more
  }
}

function timeout(ms: number): TielineError {
  return new TielineError('upstream_timeout', `the database took longer than ${ms} ms`, {
    hint: 'Ask for less at a time, or allow it more time.',
  });
}
