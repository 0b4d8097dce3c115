import { readFileSync } from 'node:fs';
import { bound } from '../bounded.ts';
import type { Values } from '../connector/values.ts';
import { TielineError } from '../errors.ts';
import { Places } from '../places.ts';

export type AdmissionLimits = {
  /** Calls under way in this process, with those that wait. Default 2,000, fewer where few files may be open. */
  readonly calls?: number | undefined;
  /** Of them those of one account that are not waiting. Default 64. */
  readonly callsPerAccount?: number | undefined;
};

/** Who is let in: how many calls are under way, in all, of one user and of one account. */
export type Admission = {
  /** Counts a call, until what is given back is called. Throws `too_many_requests` where there are too many. */
  enter(user: string): () => void;
  /** A place among the calls of an account, to be given back with `free`: see `Places`. */
  readonly accounts: Places;
};

const WAITING = bound({
  name: 'calls that wait for others of their account',
  entries: 2_000,
  bytes: 64 * 1024 * 1024,
  atBound: 'further calls fail with too_many_requests',
});

/** So that no one user keeps all others out. */
const SHARE_OF_A_USER = 1 / 2;

export function openAdmission({ calls = mostCalls(), callsPerAccount = 64 }: AdmissionLimits = {}): Admission {
  const ofUser = new Map<string, number>();
  let all = 0;
  return {
    enter(user) {
      const mine = ofUser.get(user) ?? 0;
      if (all >= calls) throw tooMany('this server');
      if (mine >= Math.max(1, calls * SHARE_OF_A_USER)) throw tooMany('this user');
      all += 1;
      ofUser.set(user, mine + 1);
      return () => {
        all -= 1;
        const left = (ofUser.get(user) ?? 1) - 1;
        if (left === 0) ofUser.delete(user);
        else ofUser.set(user, left);
      };
    },
    accounts: new Places('calls of this account', {
      most: callsPerAccount,
      waiting: { each: WAITING.entries / 2, all: WAITING.entries },
      bytes: WAITING.bytes,
    }),
  };
}

/** Of this process, where an engine has none of its own. */
export const usualAdmission: Admission = openAdmission();

/** Bytes that the arguments of a call take, roughly. */
export const sizeOfValues = (values: Values): number => 2 * JSON.stringify(values).length;

function tooMany(whose: string): TielineError {
  return new TielineError('too_many_requests', `too many calls of ${whose} are under way`, {
    hint: 'Wait until some are done, then try again; make fewer at a time.',
    retryAfter: 2,
  });
}

/** A call may hold a connection on each side, and the store, the log and names need files too. */
function mostCalls(): number {
  return Math.max(50, Math.min(2_000, Math.floor((openFiles() - 128) / 2)));
}

/** How many files this process may have open, where the system says so (proc_pid_limits(5)). */
function openFiles(): number {
  try {
    return Number(
      /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Number.POSITIVE_INFINITY,
    );
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
