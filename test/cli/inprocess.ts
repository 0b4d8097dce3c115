import { Readable } from 'node:stream';
import { type Ended, environment, type Options } from '../e2e/program.ts';

type Program = typeof import('../../src/cli/program.ts');

// The built program, as a process of its own would run it.
const { run } = (await import(new URL('../../dist/cli/program.js', import.meta.url).href)) as Program;

let before: Promise<unknown> = Promise.resolve();

/**
 * Runs `tieline …` to its end in this process, one at a time: the same commands, streams and exit codes as of a process
 * of its own, without the second that a start takes. What only a process shows is tested with one.
 */
export function tieline(args: readonly string[], options: Options = {}): Promise<Ended> {
  const mine = before.then(() => runHere(args, options));
  before = mine.catch(() => {});
  return mine;
}

async function runHere(args: readonly string[], { env, input = '', cwd }: Options): Promise<Ended> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const folder = process.cwd();
  const undo = [swapEnvironment(environment(env)), swapStdin(input), capture('stdout', out), capture('stderr', err)];
  const { exitCode } = process;
  if (cwd !== undefined) process.chdir(cwd);
  try {
    const code = await run(args);
    const bytes = Buffer.concat(out);
    return { code, signal: null, bytes, stdout: bytes.toString(), stderr: Buffer.concat(err).toString() };
  } finally {
    process.chdir(folder);
    process.exitCode = exitCode;
    for (const it of undo) it();
  }
}

function swapEnvironment(env: Readonly<Record<string, string>>): () => void {
  const own = { ...process.env };
  const put = (values: NodeJS.ProcessEnv) => {
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, values);
  };
  put(env);
  return () => put(own);
}

function swapStdin(input: string): () => void {
  const own = Object.getOwnPropertyDescriptor(process, 'stdin');
  Object.defineProperty(process, 'stdin', { configurable: true, value: Readable.from([Buffer.from(input)]) });
  return () => void (own && Object.defineProperty(process, 'stdin', own));
}

function capture(name: 'stdout' | 'stderr', chunks: Buffer[]): () => void {
  const stream = process[name];
  const own = stream.write;
  stream.write = ((chunk: string | Uint8Array, ...rest: unknown[]) => {
    chunks.push(Buffer.from(chunk as string));
    const done = rest.find((it) => typeof it === 'function');
    if (typeof done === 'function') done();
    return true;
  }) as typeof stream.write;
  return () => {
    stream.write = own;
  };
}
