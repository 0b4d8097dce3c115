/** A limit of time for what comes from outside, which is not held against what has come. */
export type WakeTimer = {
  /** Begins anew, with another limit if one is given. Milliseconds. */
  start(ms?: number): void;
  end(): void;
};

/** A timer that is later than this, in milliseconds, was not looked at: the process was stopped, or busy. */
const STALL_MS = 250;

/** What came meanwhile is read within it, in milliseconds. */
const GRACE_MS = 5_000;

/**
 * Calls `late` once nothing has started it anew for so many milliseconds. Timers run before sockets are read: a process
 * that stood still, as a laptop with its lid closed, would else take for late what lies there to be read.
 */
export function wakeTimer(firstMs: number, late: () => void): WakeTimer {
  let wantedMs = Math.max(1, firstMs);
  let limitMs = wantedMs;
  let armedAt = performance.now();
  let immediate: NodeJS.Immediate | undefined;
  let timer = setTimeout(fire, limitMs);

  function fire(): void {
    const now = performance.now();
    if (now - armedAt - limitMs < STALL_MS) {
      immediate = setImmediate(late);
      return;
    }
    armedAt = now;
    limitMs = Math.min(limitMs, GRACE_MS);
    timer = setTimeout(fire, limitMs);
  }

  return {
    start(ms = wantedMs) {
      wantedMs = ms;
      armedAt = performance.now();
      clearImmediate(immediate);
      if (ms === limitMs) {
        timer.refresh();
        return;
      }
      clearTimeout(timer);
      limitMs = ms;
      timer = setTimeout(fire, ms);
    },
    end() {
      clearTimeout(timer);
      clearImmediate(immediate);
    },
  };
}
