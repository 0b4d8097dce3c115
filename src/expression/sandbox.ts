import { TielineError } from '../errors.ts';
import { scrub } from '../secret.ts';
import { loadEngine } from './engine.ts';
import { analyse, type Scope, show } from './expression.ts';
import { isProvided, RESERVED } from './names.ts';
import { Exhausted, Interrupted, ScriptFailure, Session } from './session.ts';

const TIME_LIMIT_MS = 100;
const MOST_MESSAGE_CHARACTERS = 200;
const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** Loads QuickJS once per process; to be awaited before the first `evaluate` of a `Scripts`. */
export async function loadSandbox(): Promise<void> {
  await loadEngine();
}

/**
 * The expressions of one tool call: a fresh JavaScript world, made at the first evaluation, to be disposed after the
 * call. It keeps nothing but caches, so the loss of its engine shows only in the expression that caused it.
 */
export class Scripts {
  readonly #functions: Readonly<Record<string, string>>;
  readonly #timeLimitMs: number;
  #session: Session | undefined;
  #disposed = false;

  /**
   * @param options.functions functions of the connector: name to the source of a JavaScript function
   * @param options.timeLimitMs milliseconds for one evaluation, 100 by default
   * @throws TielineError `definition_invalid` when the name of a function is taken or no identifier
   */
  constructor(options: { functions?: Readonly<Record<string, string>> | undefined; timeLimitMs?: number } = {}) {
    this.#functions = options.functions ?? {};
    this.#timeLimitMs = options.timeLimitMs ?? TIME_LIMIT_MS;
    for (const name of Object.keys(this.#functions)) {
      if (IDENTIFIER.test(name) && !RESERVED.has(name) && !isProvided(name)) continue;
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
      const value: unknown = json === '' ? undefined : JSON.parse(json);
      return value;
    });
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
    if (error instanceof Exhausted || error instanceof ScriptFailure || error instanceof SyntaxError) {
      return failed(expression, scrub(error.message).slice(0, MOST_MESSAGE_CHARACTERS));
    }
    return error;
  }
}

function failed(expression: string, reason: string): TielineError {
  return new TielineError('expression_failed', `${reason} in ${show(expression)}`);
}
