/** How a person or a machine asks a server to end. */
export type Ending = {
  /** The first signal that asks for it. */
  readonly asked: Promise<NodeJS.Signals>;
  /** Aborted by the second one: now, at once. The third ends the process wherever it is. */
  readonly again: AbortSignal;
};

/**
 * Listens for signals that ask for the end. SIGHUP is one where a terminal is closed; of a server without one it asks for
 * `onHangup` (signal(7), and what rotates logs).
 */
export function awaitEnding(onHangup: () => void): Ending {
  const again = new AbortController();
  const hasTerminal = process.stdin.isTTY === true || process.stdout.isTTY === true;
  if (!hasTerminal) process.on('SIGHUP', onHangup);
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', ...(hasTerminal ? (['SIGHUP'] as const) : [])];
  const asked = new Promise<NodeJS.Signals>((resolve) => {
    let count = 0;
    const onSignal = (signal: NodeJS.Signals) => {
      resolve(signal);
      if (++count < 2) return;
      again.abort();
      for (const it of signals) process.off(it, onSignal);
    };
    for (const it of signals) process.on(it, onSignal);
  });
  return { asked, again: again.signal };
}
