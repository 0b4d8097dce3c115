import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The built program. */
export const mainFile = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export type Env = Readonly<Record<string, string>>;

export type Ended = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly bytes: Buffer;
  readonly stdout: string;
  readonly stderr: string;
};

export type Running = {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<Ended>;
};

export type Options = {
  readonly env?: Env;
  /** For its standard input, which then ends; absent is an empty one. */
  readonly input?: string;
  readonly cwd?: string;
  /** Leaves standard input open. */
  readonly open?: boolean;
  /** The user to run as, where the test may choose one. */
  readonly uid?: number | undefined;
};

/** A whole environment, as nothing of the developer's own may reach the program. */
export const environment = (env: Env = {}): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  HOME: tmpdir(),
  ...env,
});

/** Those still running when a test failed. */
const running = new Set<ChildProcess>();

process.once('exit', () => {
  for (const child of running) child.kill();
});

/** Starts `tieline …` as a process of its own. */
export const start = (args: readonly string[], options: Options = {}): Running =>
  startNode([mainFile, ...args], options);

/** Starts a program of Node as a process of its own. */
export function startNode(args: readonly string[], { env, input = '', cwd, open, uid }: Options = {}): Running {
  const child = spawn(process.execPath, args, {
    env: environment(env),
    stdio: 'pipe',
    ...(cwd !== undefined && { cwd }),
    ...(uid !== undefined && { uid }),
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk) => out.push(chunk));
  child.stderr.on('data', (chunk) => err.push(chunk));
  child.stdin.on('error', () => {}); // it may end before it has read all
  if (!open) child.stdin.end(input);
  const stdout = () => Buffer.concat(out).toString();
  const stderr = () => Buffer.concat(err).toString();
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) =>
      resolve({ code, signal, bytes: Buffer.concat(out), stdout: stdout(), stderr: stderr() }),
    );
  });
  return { child, stdout, stderr, ended };
}

/** Runs `tieline …` to its end. */
export const tieline = (args: readonly string[], options: Options = {}): Promise<Ended> => start(args, options).ended;

/** A folder that is gone after the tests. */
export async function temporary(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'tieline-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}

/** Waits until something is so; fails with what it was after forty seconds. */
export async function until(isSo: () => boolean | Promise<boolean>, told: () => unknown = () => ''): Promise<void> {
  for (const end = Date.now() + 40_000; !(await isSo()); ) {
    if (Date.now() > end) throw new Error(`it did not come to be so: ${String(told())}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
