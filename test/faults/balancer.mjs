import { createServer, request as httpRequest } from 'node:http';

/** Passes requests on to those of the servers in turn that say that they are ready, which it asks every 100 ms. */
export async function startBalancer(servers) {
  let ready = [...servers];
  const asking = setInterval(async () => {
    const asked = await Promise.all(
      [...servers].map(async (it) => {
        const status = await fetch(`${it.url}/readyz`, { signal: AbortSignal.timeout(1_000) }).then(
          (answer) => answer.status,
          () => 0,
        );
        return status === 200 ? it : undefined;
      }),
    );
    ready = asked.filter((it) => it !== undefined);
  }, 100);
  let turn = 0;
  const server = createServer((incoming, outgoing) => {
    const target = ready[turn++ % Math.max(1, ready.length)];
    if (!target) return outgoing.writeHead(502).end('{"code":"nobody_ready"}');
    const { port } = new URL(target.url);
    const onward = httpRequest(
      { host: '127.0.0.1', port, method: incoming.method, path: incoming.url, headers: incoming.headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode, { 'content-type': answer.headers['content-type'] ?? 'text/plain' });
        answer.pipe(outgoing);
      },
    );
    onward.on('error', () => outgoing.writeHead(502).end('{"code":"broken_behind_the_balancer"}'));
    incoming.pipe(onward);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close() {
      clearInterval(asking);
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
