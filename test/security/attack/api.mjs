import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

/** The API behind the accounts: it answers at once, and as an attack wants it at other paths. */
export async function startApi(host = '127.0.0.1') {
  const seen = [];
  const server = createServer((request, response) => {
    request.resume();
    seen.push({ path: request.url, authorization: request.headers.authorization });
    if (seen.length > 1_000) seen.shift();
    const url = new URL(request.url, 'http://api');
    const answer = ANSWERS[url.pathname] ?? ANSWERS['/thing'];
    response.writeHead(200, { 'content-type': 'application/json' });
    answer(response, url);
  });
  server.keepAliveTimeout = 120_000;
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://${host}:${server.address().port}`,
    seen,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

const ANSWERS = {
  '/thing': (response) => response.end('{"name":"thing"}'),
  '/deep': (response) => response.end(`{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`),
  '/many': (response) => response.end(`[${'{"a":[1,2]},'.repeat(550_000)}0]`),
  '/hang': () => {},
};

const SELF = fileURLToPath(import.meta.url);

/** The same in a process of its own: others wait for it, and must not wait for whoever makes the requests of an attack. */
export async function startApiProcess(host = '127.0.0.1') {
  const child = fork(SELF, [host], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [origin] = await once(child, 'message');
  return {
    origin,
    pid: child.pid,
    async close() {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}

if (process.send && process.argv[1] === SELF) {
  const api = await startApi(process.argv[2]);
  process.on('disconnect', () => process.exit());
  process.send(api.origin);
}
