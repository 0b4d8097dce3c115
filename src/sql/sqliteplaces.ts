import { bound } from '../bounded.ts';
import { Places } from '../places.ts';
import type { SessionOptions } from './session.ts';

/** Each process takes 50 MiB, and may take 256 more for a statement that makes it. */
const PROCESSES = 16;
const PROCESSES_OF_A_FILE = 4;

const WAITING = bound({
  name: 'statements that wait for a process for SQLite',
  entries: 256,
  bytes: 32 * 1024 * 1024,
  atBound: 'further statements fail with too_many_requests',
});

const { bytes } = WAITING;
const ofFile = new Places('statements on this file', {
  most: PROCESSES_OF_A_FILE,
  waiting: { each: WAITING.entries / 4, all: WAITING.entries },
  bytes,
});
const ofAll = new Places('statements on SQLite', {
  most: PROCESSES,
  waiting: { each: WAITING.entries, all: WAITING.entries },
  bytes,
});

/**
 * Waits until there may be one more process for a file, for half of the statement's time at most. Gives what is to be
 * called once when the process has ended.
 *
 * @throws TielineError `too_many_requests`, or the reason of `stop`.
 */
export async function takeProcess(
  file: string,
  { timeoutMs, stop, bytes }: Pick<SessionOptions, 'timeoutMs' | 'stop' | 'bytes'>,
): Promise<() => void> {
  const patience = { ms: timeoutMs / 2, signal: stop, bytes };
  try {
    await ofFile.take(file, patience);
    try {
      await ofAll.take('', patience);
    } catch (error) {
      ofFile.free(file);
      throw error;
    }
  } catch (error) {
    stop.throwIfAborted();
    throw error;
  }
  return () => {
    ofAll.free('');
    ofFile.free(file);
  };
}
