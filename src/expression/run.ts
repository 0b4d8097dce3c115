import { isTielineError, TielineError } from '../errors.ts';
import { parseJson } from '../json.ts';
import { scrubValues } from '../secret.ts';
import { withoutTokens } from '../tokenshape.ts';
import { Clock } from './clock.ts';
import { Exhausted, type Outcome, ScriptFailure, Session } from './session.ts';

/** Makes a request that a script asks for, given as JSON. The signal ends it when the script is over. */
export type Http = (request: unknown, signal: AbortSignal) => Promise<unknown>;

/** The script will never end by itself, or not in time. */
export class Unfinished extends Error {}

/** The script threw an object with a code of its own. */
export class ThrownCode extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export type RunOptions = {
  readonly functions: Readonly<Record<string, string>>;
  readonly http: Http;
  /** Milliseconds in the sandbox; waiting does not count. */
  readonly timeLimitMs: number;
  /** Milliseconds in all. */
  readonly deadlineMs: number;
};

const MOST_REQUESTS = 10;

type Arrival = { readonly number: string; readonly json: string; readonly how: 'answered' | 'refused' };

/**
 * Runs a function that may wait for `http`, in a world of its own that is gone afterwards. `prepare` compiles it and
 * hands its roots in. Gives its value as JSON, '' for undefined.
 */
export async function runScript(prepare: (session: Session) => string, options: RunOptions): Promise<string> {
  const { functions, http, deadlineMs } = options;
  const over = new AbortController();
  const failures: unknown[] = [];
  const answers: unknown[] = [];
  const arrivals: Arrival[] = [];
  let asked = 0;
  let wake = () => {};
  const arrive = (arrival: Arrival) => {
    arrivals.push(arrival);
    wake();
  };
  const take = (json: string): number => {
    if (over.signal.aborted) throw new Error('the script is over');
    if (asked === MOST_REQUESTS) throw new Error(`a script makes at most ${MOST_REQUESTS} requests`);
    if (json === '') throw new TypeError('http() needs a request');
    const request: unknown = parseJson(json, { values: Number.POSITIVE_INFINITY });
    const index = asked++;
    const number = String(index);
    send(http, request, over.signal).then(
      (answer) => {
        answers.push(answer);
        arrive({ number, json: JSON.stringify(answer) ?? 'null', how: 'answered' });
      },
      (error: unknown) => {
        failures[index] = error;
        arrive({ number, json: JSON.stringify(refusalOf(error)), how: 'refused' });
      },
    );
    return index;
  };
  let leftMs = options.timeLimitMs;
  const spend = <T>(work: (limitMs: number) => T): T => {
    const clock = new Clock(leftMs);
    try {
      return work(Math.max(0, leftMs));
    } finally {
      leftMs -= clock.usedMs();
    }
  };
  let handled = 0;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    wake();
  }, deadlineMs);
  let session: Session | undefined;
  try {
    session = new Session(functions, take);
    const world = session;
    const index = prepare(world);
    spend((limitMs) => world.start(index, limitMs));
    for (;;) {
      const outcome = spend((limitMs) => world.advance(limitMs));
      if (outcome) return jsonOf(outcome, failures, answers.length > 0);
      if (handled === asked) throw new Unfinished('it waits for what never comes');
      if (arrivals.length === 0 && !isLate) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (isLate) throw new Unfinished(`took longer than ${deadlineMs / 1_000} s`);
      // others that share the engine may have used it up meanwhile
      if (!world.alive) throw new Exhausted('the sandbox was lost while it waited', false);
      const arrival = arrivals.shift();
      if (!arrival) continue;
      handled += 1;
      spend((limitMs) => world.settle(arrival.number, arrival.json, arrival.how, limitMs));
    }
  } catch (error) {
    throw asked > 0 ? withoutAnswers(error, answers) : error;
  } finally {
    clearTimeout(timer);
    over.abort();
    session?.end();
  }
}

const send = async (http: Http, request: unknown, signal: AbortSignal): Promise<unknown> => http(request, signal);

/** What a script sees of a request that failed. */
function refusalOf(error: unknown): { code: string; message: string } {
  if (isTielineError(error)) return { code: error.code, message: withoutTokens(error.message) };
  return { code: 'internal', message: 'the request could not be made' };
}

function jsonOf(outcome: Outcome, failures: readonly unknown[], wasAnswered: boolean): string {
  if ('json' in outcome) return outcome.json;
  if ('request' in outcome) {
    const error = failures[Number(outcome.request)];
    if (!wasAnswered || !isTielineError(error)) throw error;
    // another one: that this request was never sent does not tell that nothing was
    throw new TielineError(error.code, error.message, { hint: error.hint, retryAfter: error.retryAfter });
  }
  throw new ThrownCode(outcome.code, outcome.message);
}

/** Tokens that an answer held are known to nobody else yet, and must not leave in a message. */
function withoutAnswers(error: unknown, answers: readonly unknown[]): unknown {
  // after a request the engine is not tried anew, as that would repeat it
  if (error instanceof Exhausted) return new Exhausted(error.message, false);
  const clean = (message: string) => scrubValues(message, answers.flatMap(tokensIn));
  if (error instanceof ScriptFailure) return new ScriptFailure(clean(error.message));
  if (error instanceof ThrownCode) return new ThrownCode(error.code, clean(error.message));
  return error;
}

/** Texts without a blank and with a digit; what is left are words, which messages need. */
function tokensIn(value: unknown): string[] {
  if (typeof value === 'string') return value.split(/[\s;,="'&]+/).filter((it) => it.length >= 8 && /\d/.test(it));
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(tokensIn) : [];
}
