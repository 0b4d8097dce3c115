import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** Those that are still running, so that none outlives a failure. */
const running = new Set();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a program; gives the child, what it printed so far, and a promise of how it ended. */
export function start(file, args, { env, input }) {
  const child = spawn(file, args, { env, stdio: 'pipe' });
  running.add(child);
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (chunk) => {
      printed[name] += chunk;
    });
  }
  child.stdin.on('error', () => {}); // it may end before it has read all
  child.stdin.end(input);
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      running.delete(child);
      resolve({ code, ...printed });
    });
  });
  ended.catch(() => running.delete(child));
  return { child, printed, ended };
}

/** Runs `tieline … --json` to its end: what it printed, else its failure, thrown as `{ code, message }`. */
export async function tieline(env, args, input) {
  const given = input === undefined ? '' : JSON.stringify(input);
  const { code, stdout, stderr } = await start(process.execPath, [MAIN, ...args, '--json'], { env, input: given })
    .ended;
  let value;
  try {
    value = JSON.parse(stdout);
  } catch {
    throw new Error(`tieline ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`);
  }
  if (value.error) throw Object.assign(new Error(value.error.message), value.error);
  return code === 0 ? value : { ...value, exitCode: code };
}

/** Starts `tieline serve`: `{ url, organization, clientKey, close() }`. */
export async function serve(env) {
  const { child, printed, ended } = start(process.execPath, [MAIN, 'serve', '--port', '0', '--json'], { env });
  let isOver = false;
  const over = ended.then(() => {
    isOver = true;
  });
  while (!printed.stdout.includes('}')) {
    if (isOver) throw new Error(`tieline serve ended: ${printed.stderr}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const close = () => {
    child.kill('SIGTERM');
    return over;
  };
  return { ...JSON.parse(printed.stdout), close, log: () => printed.stderr };
}
