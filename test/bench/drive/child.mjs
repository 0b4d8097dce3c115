import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpuOf, memoryOf, openFilesOf } from './processes.mjs';

/** Those that are still running, so that none outlives a failure. */
const running = new Set();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));

const PATIENCE_MS = 4_000;
const KEPT = 4_000;

/**
 * Starts a program: `{ child, startedAt, stderr(), cpu(), memory(), files(), stop() }`, where `cpu` and `memory` are of
 * all its processes. `env` is added to where programs are, and nothing else of this process's environment.
 */
export function startChild({ command, args = [], env = {}, cwd, stdio = 'pipe' }) {
  const startedAt = performance.now();
  const child = spawn(command, args, {
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'production', ...env },
    cwd,
    stdio,
  });
  running.add(child);
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    said = (said + text).slice(-KEPT);
  });
  child.stdin?.on('error', () => {}); // it may end before it has read all
  const ended = once(child, 'exit').catch(() => {});
  ended.then(() => running.delete(child));
  const isOver = () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
  return {
    child,
    startedAt,
    isOver,
    stderr: () => said,
    cpu: () => cpuOf(child.pid),
    memory: () => memoryOf(child.pid),
    files: () => openFilesOf(child.pid),
    async stop() {
      if (isOver()) return;
      child.stdin?.end();
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}
