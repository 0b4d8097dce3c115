import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startChild } from '../drive/child.mjs';

const FILE = fileURLToPath(new URL('upstream.mjs', import.meta.url));

/** The API in a process of its own: `{ url, tell(path), tokens(), stop() }`. */
export async function startUpstream() {
  const server = startChild({ command: process.execPath, args: [FILE] });
  const [line] = await once(server.child.stdout, 'data');
  const url = `http://127.0.0.1:${Number(line)}`;
  return {
    url,
    tell: async (path) => void (await (await fetch(url + path, { method: 'POST' })).text()),
    tokens: async () => (await (await fetch(`${url}/tokens`)).json()).given,
    stop: server.stop,
  };
}
