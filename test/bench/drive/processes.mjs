import { readdirSync, readFileSync } from 'node:fs';

/** Microseconds of CPU, user and system, that the threads of a process and of its descendants have had. */
export const cpuOf = (pid) => family(pid).reduce((sum, it) => sum + threadsOf(it.pid).reduce(add, 0) / 1_000, 0);

/** Resident memory of a process and its descendants, in MiB. */
export const memoryOf = (pid) => family(pid).reduce((sum, it) => sum + residentKb(it.pid) / 1_024, 0);

/** How many files and sockets a process has open. */
export const openFilesOf = (pid) => readdirSync(`/proc/${pid}/fd`).length;

/** The process and all that descend from it, as far as they live. */
function family(root) {
  const all = entries('/proc')
    .filter((it) => /^\d+$/.test(it))
    .flatMap((it) => statusOf(Number(it)) ?? []);
  const found = all.filter((it) => it.pid === root);
  for (const parent of found) found.push(...all.filter((it) => it.parent === parent.pid));
  return found;
}

const add = (sum, it) => sum + it;

/** Nanoseconds on the CPU of each thread: finer than the hundredths of a second that proc(5) counts for a process. */
const threadsOf = (pid) =>
  entries(`/proc/${pid}/task`).map((it) => Number(read(`/proc/${pid}/task/${it}/schedstat`)?.split(' ')[0] ?? 0));

/** See proc(5): the name before the fields may hold blanks and parentheses. */
function statusOf(pid) {
  const text = read(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { pid, parent: Number(fields[1]) };
}

const residentKb = (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(read(`/proc/${pid}/status`) ?? '')?.[1] ?? 0);

function entries(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // it has ended meanwhile
  }
}
