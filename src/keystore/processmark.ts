import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** What tells a process from all others, for those on its machine to see whether it still runs. */
export type ProcessMark = {
  /** The name of its machine, for people. */
  readonly host: string;
  /**
   * The same for processes that see each other under the same ids: those of one boot and one PID namespace. Absent where
   * that cannot be told, which is everywhere but on Linux.
   */
  readonly place?: string;
  readonly pid: number;
  /** When it started, in clock ticks since the boot: ids are given again. */
  readonly started?: string;
};

/** `gone` and `alive` are certain; a process that is stopped, as by Ctrl-Z, is alive. */
export type Presence = 'gone' | 'alive' | 'unknown';

let mine: ProcessMark | undefined;

export function processMark(): ProcessMark {
  mine ??= { host: hostname(), ...placeOf(process.pid), pid: process.pid };
  return mine;
}

function placeOf(pid: number): Pick<ProcessMark, 'place' | 'started'> {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    // The name of the machine beside it, for sandboxes that show every container the same boot and namespace.
    const parts = [boot, readlinkSync('/proc/self/ns/pid'), hostname()];
    const place = createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 16);
    const stat = statOf(pid);
    return stat === undefined ? {} : { place, started: stat.started };
  } catch {
    return {};
  }
}

/** Whether the process of a mark runs, as far as this process can see. */
export function presenceOf({ place, pid, started }: ProcessMark): Presence {
  if (place === undefined || place !== processMark().place) return 'unknown';
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return 'gone';
  }
  const stat = statOf(pid);
  // There, but hidden from us: /proc may be mounted so that each user sees their own processes only.
  if (stat === undefined) return 'unknown';
  return stat.started === started && !/[ZXx]/.test(stat.state) ? 'alive' : 'gone';
}

/** Fields 3 and 22 of /proc/<pid>/stat (proc(5)). The second is the name in brackets, which may hold anything. */
function statOf(pid: number): { readonly state: string; readonly started: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state, started] = [fields[0], fields[19]];
    return state === undefined || started === undefined ? undefined : { state, started };
  } catch {
    return undefined;
  }
}
