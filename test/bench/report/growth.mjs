import { median } from './stats.mjs';

/** MiB by which memory may be more at the end of the second half of the calls than at its begin: noise of collections. */
export const MOST_MIB = 16;
/** Files and sockets by which there may be more: those of a pool that opens and closes. */
export const MOST_FILES = 8;

/**
 * What has grown in the second half of some samples `{ calls, memoryMiB, files }`, in words; nothing if nothing has. The
 * halves of that half are compared by their medians, as memory goes up and down between collections.
 */
export function judgeGrowth(samples) {
  const late = samples.slice(Math.floor(samples.length / 2));
  const middle = Math.ceil(late.length / 2);
  const grown = (figure) => {
    const [before, after] = [late.slice(0, middle), late.slice(middle)].map((it) =>
      median(it.map((one) => one[figure])),
    );
    return after - before;
  };
  const memory = grown('memoryMiB');
  const files = grown('files');
  return [
    ...(memory > MOST_MIB ? [`memory grew by ${memory.toFixed(1)} MiB, more than ${MOST_MIB}`] : []),
    ...(files > MOST_FILES ? [`open files grew by ${files}, more than ${MOST_FILES}`] : []),
  ];
}
