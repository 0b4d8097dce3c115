/**
 * node upstream.mjs: the API behind every server, on a port of its own, which it prints. It checks the bearer token,
 * and has an OAuth token endpoint whose tokens live as many seconds as `POST /lifetime?seconds=` said last.
 * `POST /expire` ends all of them; `GET /tokens` tells how many were given.
 */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { body, TOKEN } from './records.mjs';

const good = new Map([[`Bearer ${TOKEN}`, Infinity]]);
const json = { 'content-type': 'application/json' };
let seconds = 86_400;
let given = 0;

const routes = {
  'POST /token': () => {
    const token = randomUUID();
    good.set(`Bearer ${token}`, Date.now() + seconds * 1_000);
    given += 1;
    return { access_token: token, token_type: 'Bearer', expires_in: seconds, refresh_token: randomUUID() };
  },
  'POST /lifetime': (url) => {
    seconds = Number(url.searchParams.get('seconds'));
    return { seconds };
  },
  'POST /expire': () => {
    for (const header of good.keys()) if (header !== `Bearer ${TOKEN}`) good.delete(header);
    return {};
  },
  'GET /tokens': () => ({ given }),
};

const server = createServer((request, response) => {
  if (request.url.startsWith('/repos/')) {
    if (good.get(request.headers.authorization) > Date.now()) {
      response.writeHead(200, { ...json, 'content-length': body.length }).end(body);
    } else response.writeHead(401, json).end('{"message":"Bad credentials"}');
    return;
  }
  const url = new URL(request.url, 'http://localhost');
  const route = routes[`${request.method} ${url.pathname}`];
  request.resume().on('end', () => {
    if (route) response.writeHead(200, json).end(JSON.stringify(route(url)));
    else response.writeHead(404, json).end('{}');
  });
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
