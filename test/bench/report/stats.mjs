/** The value below which that share of sorted numbers lies; NaN of none. */
export const quantile = (sorted, share) =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;

/** The middle of some numbers, or the mean of the two in the middle; NaN of none. */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/**
 * How many times as much: the median of the ratios of what was measured together, round by round, as a machine that
 * others use is faster in some rounds than in others. A round that either lacks does not count.
 */
export function ratio(rounds, others) {
  const both = rounds.flatMap((it, round) => (it > 0 && others[round] > 0 ? [it / others[round]] : []));
  return median(both);
}
