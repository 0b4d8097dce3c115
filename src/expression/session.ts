import type { QuickJSContext, QuickJSHandle, QuickJSRuntime } from 'quickjs-emscripten-core';
import { Clock } from './clock.ts';
import { type Engine, takeEngine } from './engine.ts';
import { helperFunctions } from './functions.ts';
import { callHelper } from './host.ts';
import { KERNEL } from './kernel.ts';

/** Of 5 MB that the WebAssembly file has; the stack of the host must not end before. */
const STACK_BYTES = 256 * 1024;
/** For handing values in, which is bounded by memory; only a changed built-in could make it last. */
const SETUP_LIMIT_MS = 1_000;
const MOST_RESULT_CHARACTERS = 25_000_000;
/** More than is shown, so that a secret is whole when it is looked for. */
const MOST_MESSAGE_CHARACTERS = 5_000;
const HELPER_NAMES = JSON.stringify(Object.keys(helperFunctions));

/** The code failed by itself; its context goes on. */
export class ScriptFailure extends Error {}

/** The time was up; the context is lost, the engine is whole. */
export class Interrupted extends Error {}

/** The engine is lost. `shared` when other contexts lived in its memory, so that they may be the cause. */
export class Exhausted extends Error {
  readonly shared: boolean;

  constructor(reason: string, shared: boolean) {
    super(reason);
    this.shared = shared;
  }
}

type KernelCall = 'define' | 'compile' | 'check' | 'set' | 'run' | 'start' | 'outcome' | 'arrive' | 'settle';

/** Between two looks at the clock. */
const JOBS_AT_ONCE = 100;

/** Takes a request of a script as JSON and gives its number. An error's message goes to the script. */
export type TakeRequest = (json: string) => number;

/** How a script that may wait has ended; `request` is the number of the one whose failure it did not catch. */
export type Outcome =
  | { readonly json: string }
  | { readonly request: string }
  | { readonly code: string; readonly message: string };

/** One JavaScript world, with the expressions compiled in it and the roots it was given. */
export class Session {
  readonly #engine: Engine;
  readonly #runtime: QuickJSRuntime;
  readonly #context: QuickJSContext;
  readonly #kernel: QuickJSHandle;
  readonly #compiled = new Map<string, string>();
  readonly #roots = new Map<string, unknown>();
  #clock = new Clock(Number.POSITIVE_INFINITY);
  #alive = true;

  /** @param takeRequest for a script that is given `http` */
  constructor(functions: Readonly<Record<string, string>>, takeRequest?: TakeRequest) {
    this.#engine = takeEngine();
    this.#engine.contexts += 1;
    try {
      this.#runtime = this.#engine.quickjs.newRuntime({
        maxStackSizeBytes: STACK_BYTES,
        interruptHandler: () => this.#clock.isUp(),
      });
      this.#context = this.#runtime.newContext();
      this.#kernel = startKernel(this.#context, takeRequest);
    } catch (error) {
      throw this.#lose(error);
    }
    try {
      for (const [name, source] of Object.entries(functions)) {
        this.#call('define', [name, source], SETUP_LIMIT_MS, `function ${name}: `);
      }
    } catch (error) {
      this.end();
      throw error;
    }
  }

  /** False after it was ended or its engine was lost; then a new one takes its place. */
  get alive(): boolean {
    return this.#alive && !this.#engine.retired;
  }

  /** Compiles once per text; `names` are the roots it may use. Gives the number to run it by. */
  compile(expression: string, names: readonly string[]): string {
    const known = this.#compiled.get(expression);
    if (known !== undefined) return known;
    const source = JSON.stringify(`(({${names.join()}})=>(\n${expression}\n))`);
    const index = this.#call('compile', [source], SETUP_LIMIT_MS);
    this.#compiled.set(expression, index);
    return index;
  }

  /** What is wrong with the text of a function, as JSON; '' for nothing. */
  check(source: string): string {
    return this.#call('check', [source], SETUP_LIMIT_MS);
  }

  /** Hands a value in as JSON, frozen, unless it is the one handed in last. */
  setRoot(name: string, value: unknown): void {
    if (this.#roots.has(name) && Object.is(this.#roots.get(name), value)) return;
    this.#call('set', [name, toJson(name, value)], SETUP_LIMIT_MS, `${name}: `);
    this.#roots.set(name, value);
  }

  /** Runs what `compile` gave; its value comes as JSON, '' for undefined. */
  run(index: string, timeLimitMs: number): string {
    return this.#call('run', [index], timeLimitMs);
  }

  /** Starts what `compile` gave, with `http`; to be followed by `advance`. */
  start(index: string, timeLimitMs: number): void {
    this.#call('start', [index], timeLimitMs);
  }

  /** Runs what can run by now. Undefined while the script waits. */
  advance(timeLimitMs: number): Outcome | undefined {
    this.#clock = new Clock(timeLimitMs);
    let text: string | undefined;
    try {
      this.#runJobs();
      text = this.#callKernel('outcome', []);
    } catch (error) {
      throw error instanceof Interrupted || error instanceof Exhausted ? error : this.#lose(error);
    }
    // a script may catch what its time ran out with
    if (this.#clock.isUp()) throw this.#interrupt();
    if (text === '') return undefined;
    const [kind, rest] = [text?.[0], text?.slice(1) ?? ''];
    if (kind === '=') return { json: rest };
    if (kind === '!') throw new ScriptFailure(rest);
    if (kind === '?') return { request: rest };
    if (kind === '~') return JSON.parse(rest) as { code: string; message: string };
    throw this.#lose();
  }

  /** Hands in what a request has come to. */
  settle(request: string, json: string, how: 'answered' | 'refused', timeLimitMs: number): void {
    this.#call('arrive', [json], SETUP_LIMIT_MS, 'http: ');
    this.#call('settle', [request, how], timeLimitMs);
  }

  /** Frees its memory, unless that is lost with the engine. */
  end(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#engine.contexts -= 1;
    if (this.#engine.retired) return;
    try {
      this.#kernel.dispose();
      this.#context.dispose();
      this.#runtime.dispose();
    } catch {
      this.#engine.retired = true;
    }
  }

  #call(name: KernelCall, args: readonly string[], timeLimitMs: number, label = ''): string {
    this.#clock = new Clock(timeLimitMs);
    let answer: string | undefined;
    try {
      answer = this.#callKernel(name, args);
    } catch (error) {
      throw this.#lose(error); // the library throws only for a trap
    }
    if (answer?.startsWith('=')) return answer.slice(1);
    if (answer?.startsWith('!')) throw new ScriptFailure(label + answer.slice(1));
    if (answer === undefined && this.#clock.isUp()) throw this.#interrupt();
    throw this.#lose();
  }

  #interrupt(): Interrupted {
    this.end();
    return new Interrupted();
  }

  #runJobs(): void {
    while (this.#runtime.hasPendingJob()) {
      if (!this.#engine.hasRoom(1_024)) throw this.#lose();
      const done = this.#runtime.executePendingJobs(JOBS_AT_ONCE);
      done.dispose();
      if (this.#clock.isUp()) throw this.#interrupt();
      if (done.error !== undefined) throw this.#lose();
    }
  }

  /** The answer of the kernel; undefined when not even the kernel could answer. */
  #callKernel(name: KernelCall, args: readonly string[]): string | undefined {
    const context = this.#context;
    // the text itself, and the string made of it, which may need two bytes a character
    const bytes = args.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    if (!this.#engine.hasRoom(3 * bytes + 1_024)) return undefined;
    const handles = [name, ...args].map((text) => context.newString(text));
    try {
      const result = context.callFunction(this.#kernel, context.undefined, handles);
      if (result.error !== undefined) {
        result.error.dispose();
        return undefined;
      }
      return result.value.consume((value) => context.getString(value));
    } finally {
      for (const handle of handles) handle.dispose();
    }
  }

  #lose(trap?: unknown): Exhausted {
    const shared = this.#engine.contexts > 1;
    this.#engine.retired = true;
    this.end();
    // RangeError: the stack of the host ended before the one QuickJS counts, as in deeply nested source or JSON
    return trap instanceof RangeError ? new Exhausted('stack overflow', false) : new Exhausted('out of memory', shared);
  }
}

function startKernel(context: QuickJSContext, takeRequest: TakeRequest | undefined): QuickJSHandle {
  const host = context.newFunction('host', (nameHandle, argsHandle) => {
    const [name, args] = [context.getString(nameHandle), context.getString(argsHandle)];
    return context.newString(name === 'http' ? callHttp(args, takeRequest) : callHelper(name, args));
  });
  const settings = [
    context.newString(HELPER_NAMES),
    ...[MOST_RESULT_CHARACTERS, MOST_MESSAGE_CHARACTERS].map(context.newNumber, context),
  ];
  try {
    return context
      .unwrapResult(context.evalCode(`(${KERNEL})`, 'kernel.js', { type: 'global' }))
      .consume((start) => context.unwrapResult(context.callFunction(start, context.undefined, [host, ...settings])));
  } finally {
    for (const handle of [host, ...settings]) handle.dispose();
  }
}

function callHttp(request: string, takeRequest: TakeRequest | undefined): string {
  try {
    if (!takeRequest) throw new TypeError('there is no http here');
    return `=${takeRequest(request)}`;
  } catch (error) {
    return `!${error instanceof Error ? error.message : 'failed'}`;
  }
}

function toJson(name: string, value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    throw new ScriptFailure(`${name} cannot be written as JSON`);
  }
}
