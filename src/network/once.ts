/**
 * Work that is done once for all who ask: those who come while it is under way, and after it was done. One that failed
 * is begun anew for whoever asks after a while, in milliseconds, and not for each who asks before.
 */
export function once<T>(work: () => Promise<T>, failedMs = 10_000): () => Promise<T> {
  let outcome: Promise<T> | undefined;
  let againAt = Number.POSITIVE_INFINITY;
  return () => {
    if (outcome && performance.now() < againAt) return outcome;
    againAt = Number.POSITIVE_INFINITY;
    outcome = work();
    outcome.catch(() => {
      againAt = performance.now() + failedMs;
    });
    return outcome;
  };
}
