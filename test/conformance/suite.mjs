import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const SUITE = here('../../node_modules/@modelcontextprotocol/conformance/dist/index.js');

const ADDRESS = /http:\/\/\S+\/authorize\?\S+(?=\s)/;

/**
 * Runs a command of the suite: `{ code, output, summary }`. `visit` is given the address that it asks a
 * person to open, if it does.
 */
export async function runSuite(args, name, visit = async () => {}) {
  const expected = here(`expected-${name}.yml`);
  const command = ['--import', here('globsync.mjs'), SUITE, ...args];
  if (existsSync(expected)) command.push('--expected-failures', expected);
  const child = spawn(process.execPath, command, { cwd: tmpdir(), stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let visiting;
  let problem = '';
  const read = (chunk) => {
    output += stripVTControlCharacters(String(chunk));
    const [address] = ADDRESS.exec(output) ?? [];
    if (address === undefined) return;
    visiting ??= visit(address).catch((error) => {
      problem = `\n${error.stack}\n`;
      child.kill(); // it would wait for ever
    });
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const [code] = await once(child, 'close');
  await visiting;
  const at = output.indexOf('=== SUMMARY ===');
  return { code, output: output + problem, summary: at < 0 ? '' : output.slice(at) };
}
