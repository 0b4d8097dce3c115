import { type ChildProcess, fork } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import { nextTick } from 'node:process';
import { isErrorCode, TielineError } from '../errors.ts';
import { packageFolder } from '../package.ts';
import { type Page, tooLarge } from './page.ts';
import type { Session } from './session.ts';
import { type Answer, type Job, toSqlite } from './sqlitejob.ts';

const SCRIPT = join(packageFolder, 'dist', 'sqliteprocess.js');

/** A session in a process of its own, so that a statement that never ends can be ended. `onEnd`: the process is gone. */
export function childSession(
  file: string,
  { reads, timeoutMs }: Pick<Job, 'reads' | 'timeoutMs'>,
  onEnd: () => void,
): Session {
  const child = fork(SCRIPT, [], {
    execArgv: ['--no-warnings', '--max-old-space-size=128'],
    // It opens files that others wrote, and needs no secret for that.
    env: {},
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  yieldToOthers(child);
  let isEnded = false;
  const end = () => {
    isEnded = true;
    child.kill('SIGKILL');
  };
  child.once('exit', onEnd);
  // Without a number it has never begun, and does not end.
  if (child.pid === undefined) onEnd();
  const answered = new Promise<Answer>((resolve, reject) => {
    child.once('message', (answer: Answer) => resolve(answer));
    child.on('error', reject);
    // Unless it was ended from here it has ended itself, for taking too much memory. A message may be on its way when its sender is already gone.
    child.once('close', () => nextTick(() => reject(isEnded ? new Error('its process was ended') : tooLarge())));
  });
  answered.catch(() => undefined);
  return {
    async run({ text, values }, page: Page) {
      const bound = { text, values: values.map(toSqlite) };
      child.send({ file, reads, timeoutMs, bound, limits: page.limits } satisfies Job);
      const answer = await answered;
      if ('message' in answer) throw failure(answer);
      page.take(answer.rows);
      return answer.affected;
    },
    async cancel() {
      end();
    },
    close: end,
  };
}

/** Whoever runs long statements does so with what is left of the processor. Windows may refuse, which does no harm. */
function yieldToOthers({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // then it is as important as its parent
  }
}

function failure({ message, errcode, code, hint }: Extract<Answer, { message: string }>): Error {
  if (code !== undefined && isErrorCode(code)) return new TielineError(code, message, { hint });
  return errcode === undefined ? new Error(message) : Object.assign(new Error(message), { errcode });
}
