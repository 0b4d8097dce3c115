import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { QuickJSEmscriptenModule, QuickJSWASMModule } from 'quickjs-emscripten-core';
import { TielineError } from '../errors.ts';

/** 16 MB is what the WebAssembly file asks for at least; QuickJS's own memory limit does not hold (quickjs-emscripten #255). */
const FIRST_PAGES = 256;
const MOST_PAGES = 512;

/** Two, so that a second failure in the same turn of the event loop still finds a replacement. */
const SPARES = 2;

/** One instance of QuickJS with at most 32 MB of memory, shared by the live contexts of this process. */
export class Engine {
  readonly quickjs: QuickJSWASMModule;
  readonly #module: QuickJSEmscriptenModule;
  /** True after it ran out of memory or trapped: its contexts must not be touched again, not even to dispose them. */
  retired = false;
  contexts = 0;

  constructor(quickjs: QuickJSWASMModule, module: QuickJSEmscriptenModule) {
    this.quickjs = quickjs;
    this.#module = module;
  }

  /** Whether there is room for that many bytes in one piece; the library writes to address 0 when there is not. */
  hasRoom(bytes: number): boolean {
    const address = this.#module._malloc(bytes);
    if (address !== 0) this.#module._free(address);
    return address !== 0;
  }
}

let make: (() => Promise<Engine>) | undefined;
let current: Engine | undefined;
const spares: Engine[] = [];
let loading: Promise<void> | undefined;

/** Compiles QuickJS once per process. A failed load may be tried again. */
export function loadEngine(): Promise<void> {
  loading ??= load().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

export function isEngineLoaded(): boolean {
  return make !== undefined;
}

/** The engine to make new contexts on. @throws TielineError `expression_failed` when no replacement is ready yet */
export function takeEngine(): Engine {
  if (make === undefined) throw new Error('await loadSandbox() before evaluating expressions');
  if (current === undefined || current.retired) {
    current = spares.shift();
    refill().catch(() => {}); // then the next line says so
  }
  if (current === undefined) {
    throw new TielineError('expression_failed', 'the sandbox is being replaced', { hint: 'Try again.', retryAfter: 1 });
  }
  return current;
}

async function load(): Promise<void> {
  const [core, { default: imported }] = await Promise.all([
    import('quickjs-emscripten-core'),
    import('@jitl/quickjs-wasmfile-release-sync'),
  ]);
  // its types say CommonJS, its file for `import` is an ES module
  const variant = 'default' in imported ? imported.default : imported;
  const file = createRequire(import.meta.url).resolve('@jitl/quickjs-wasmfile-release-sync/wasm');
  const compiled = await WebAssembly.compile(await readFile(file));
  const makeEngine = async () => {
    let module: QuickJSEmscriptenModule | undefined;
    const emscriptenModule = {
      preRun: [
        (made: QuickJSEmscriptenModule) => {
          module = made;
        },
      ],
      instantiateWasm(imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) {
        const instance = new WebAssembly.Instance(compiled, imports);
        done(instance);
        return instance.exports;
      },
      // standard output carries the protocol, and an abort must not write to it
      print: () => {},
      printErr: () => {},
    };
    const wasmMemory = new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: MOST_PAGES });
    const quickjs = await core.newQuickJSWASMModuleFromVariant(
      core.newVariant(variant, { wasmMemory, emscriptenModule }),
    );
    if (module === undefined) throw new Error('QuickJS did not load');
    return new Engine(quickjs, module);
  };
  current = await makeEngine();
  make = makeEngine;
  refill().catch(() => {}); // `takeEngine` tries again
}

async function refill(): Promise<void> {
  while (make !== undefined && spares.length < SPARES) spares.push(await make());
}
