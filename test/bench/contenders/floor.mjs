import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startChild } from '../drive/child.mjs';

const FILE = fileURLToPath(new URL('../api/floor.mjs', import.meta.url));

/** The same request without a server in between, from a process of its own: `{ process, load(what), stop() }`. */
async function openFloor(upstream) {
  const process = startChild({ command: globalThis.process.execPath, args: [FILE, upstream.url] });
  const lines = createInterface({ input: process.child.stdout });
  return {
    process,
    async load({ concurrency, ms, count }) {
      process.child.stdin.write(`${JSON.stringify({ concurrency, ms, count })}\n`);
      const [line] = await once(lines, 'line');
      return JSON.parse(line);
    },
    stop: process.stop,
  };
}

export const floor = { name: 'floor', transport: 'none', era: '', open: ({ upstream }) => openFloor(upstream) };
