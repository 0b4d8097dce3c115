import { isTielineError, TielineError } from '../errors.ts';
import { MOST_DEPTH, parseUpstreamJson } from '../json.ts';
import { withoutTokens } from '../tokenshape.ts';
import { loadEngine } from './engine.ts';
import { analyse, type Scope, show } from './expression.ts';
import { isProvided, RESERVED } from './names.ts';
import { type Http, runScript, ThrownCode, Unfinished } from './run.ts';
import { Exhausted, Interrupted, ScriptFailure, Session } from './session.ts';

export type { Http } from './run.ts';

const TIME_LIMIT_MS = 100;
const DEADLINE_MS = 60_000;
const MOST_MESSAGE_CHARACTERS = 200;
/** Codes that a script may end with by itself: `throw { code, message }`. */
const THROWABLE = ['reauthorization_required', 'refresh_failed', 'token_rejected'] as const;
const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** Loads QuickJS once per process; to be awaited before the first `evaluate` of a `Scripts`. */
export async function loadSandbox(): Promise<void> {
  await loadEngine();
}

type ScriptOptions = {
  readonly functions?: Readonly<Record<string, string>> | undefined;
  readonly timeLimitMs?: number;
  readonly scrub?: (text: string) => string;
};

/**
 * The expressions of one tool call: a fresh JavaScript world, made at the first evaluation, to be disposed after the
 * call. It keeps nothing but caches, so the loss of its engine shows only in the expression that caused it.
 */
export class Scripts {
  readonly #functions: Readonly<Record<string, string>>;
  readonly #timeLimitMs: number;
  readonly #scrub: (text: string) => string;
  #session: Session | undefined;
  #disposed = false;

  /**
   * @param options.functions functions of the connector: name to the source of a JavaScript function
   * @param options.timeLimitMs milliseconds for one evaluation, 100 by default
   * @param options.scrub takes out of a message what may not be shown
   * @throws TielineError `definition_invalid` when the name of a function is taken or no identifier
   */
  constructor(options: ScriptOptions = {}) {
    this.#functions = options.functions ?? {};
    this.#scrub = options.scrub ?? ((text) => text);
    this.#timeLimitMs = options.timeLimitMs ?? TIME_LIMIT_MS;
    for (const name of Object.keys(this.#functions)) {
      if (IDENTIFIER.test(name) && !RESERVED.has(name) && !isProvided(name) && name !== 'http') continue;
      throw new TielineError(
        'definition_invalid',
        `"${name}" cannot be the name of a function: taken, or no identifier`,
      );
    }
  }

  /**
   * Evaluates one JavaScript expression (without braces): JSON in, JSON out. Undefined, functions and symbols come out
   * as undefined. Roots go in frozen, and again only when they are another value than the last time.
   * @throws TielineError `expression_failed`, naming the expression
   */
  evaluate(expression: string, scope: Scope): unknown {
    return this.#guard(expression, (session, names) => {
      const index = session.compile(expression, names);
      for (const name of names) session.setRoot(name, Object.hasOwn(scope, name) ? scope[name] : undefined);
      const json = session.run(index, this.#timeLimitMs);
      const value: unknown = json === '' ? undefined : parseResult(json);
      return value;
    });
  }

  /**
   * Evaluates an expression that may be a promise, with `http` among its roots: what that gives to await is what the
   * caller's `http` makes of the request, as JSON. At most 10 requests; the time limit is for the time in the sandbox.
   * @param options.deadlineMs milliseconds for all of it, waiting included; 60,000 by default
   * @throws TielineError `expression_failed`, the failure of a request that the script does not catch, or what the
   * script throws as `{ code, message }` with a code of `reauthorization_required`, `refresh_failed` or `token_rejected`
   */
  async run(
    expression: string,
    scope: Scope,
    { http, deadlineMs = DEADLINE_MS }: { readonly http: Http; readonly deadlineMs?: number | undefined },
  ): Promise<unknown> {
    if (this.#disposed) throw new Error('these scripts are disposed');
    const options = { functions: this.#functions, http, timeLimitMs: this.#timeLimitMs, deadlineMs };
    const prepare = (session: Session): string => {
      const names = [...analyse(expression).roots].filter((name) => !Object.hasOwn(this.#functions, name));
      for (const name of names) {
        if (name !== 'http') session.setRoot(name, Object.hasOwn(scope, name) ? scope[name] : undefined);
      }
      return session.compile(expression, names);
    };
    for (let first = true; ; first = false) {
      try {
        const json = await runScript(prepare, options);
        const value: unknown = json === '' ? undefined : parseResult(json);
        return value;
      } catch (error) {
        if (error instanceof Exhausted && error.shared && first) continue;
        throw this.#explain(expression, error);
      }
    }
  }

  /** What is wrong with the text of a function, and on which of its lines; undefined for nothing. */
  check(source: string): { readonly message: string; readonly line: number } | undefined {
    const json = this.#guard('() => {}', (session) => session.check(source));
    return json === '' ? undefined : JSON.parse(String(json));
  }

  /** Parses without running. @throws TielineError `expression_failed`, naming the expression */
  parse(expression: string): void {
    this.#guard(expression, (session, names) => session.compile(expression, names));
  }

  dispose(): void {
    this.#disposed = true;
    this.#session?.end();
    this.#session = undefined;
  }

  #guard(expression: string, work: (session: Session, names: readonly string[]) => unknown): unknown {
    if (this.#disposed) throw new Error('these scripts are disposed');
    for (let first = true; ; first = false) {
      try {
        const { roots } = analyse(expression);
        const names = [...roots].filter((name) => !Object.hasOwn(this.#functions, name));
        if (this.#session === undefined || !this.#session.alive) {
          this.#session?.end();
          this.#session = new Session(this.#functions);
        }
        return work(this.#session, names);
      } catch (error) {
        // others in the same memory may have used it up: a second try has the whole of a new engine
        if (error instanceof Exhausted && error.shared && first) continue;
        throw this.#explain(expression, error);
      }
    }
  }

  #explain(expression: string, error: unknown): unknown {
    if (error instanceof Interrupted) return failed(expression, `took longer than ${this.#timeLimitMs} ms`);
    if (error instanceof Unfinished) return failed(expression, error.message);
    const isKnown = error instanceof Exhausted || error instanceof SyntaxError || error instanceof ScriptFailure;
    if (!isKnown && !(error instanceof ThrownCode)) return error;
    const message = withoutTokens(this.#scrub(error.message)).slice(0, MOST_MESSAGE_CHARACTERS);
    if (!(error instanceof ThrownCode)) {
      return failed(expression, message, error instanceof ScriptFailure ? new ScriptFailure(message) : undefined);
    }
    const code = THROWABLE.find((it) => it === error.code);
    return code ? new TielineError(code, message) : failed(expression, message, new ScriptFailure(message));
  }
}

/** A result may wrap what is as deep as may be. How many values there are, the memory of the sandbox bounds. */
const parseResult = (json: string): unknown =>
  parseUpstreamJson(json, { depth: 2 * MOST_DEPTH, values: Number.POSITIVE_INFINITY });

/** True for what a script threw by itself, and not for one that was ended. */
export function wasThrown(error: unknown): boolean {
  return isTielineError(error) && error.cause instanceof ScriptFailure;
}

function failed(expression: string, reason: string, cause?: ScriptFailure): TielineError {
  return new TielineError('expression_failed', `${reason} in ${show(expression)}`, { cause });
}
