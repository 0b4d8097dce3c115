import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * An OAuth provider that rotates refresh tokens and revokes the whole family when one is shown twice (RFC 9700 §4.14.2),
 * and its API, which counts what is written. `answerMs` passes between the rotation and its answer: what breaks then
 * breaks while only the answer on its way holds the new token.
 */
export async function startProvider({ tokenLife = 3, answerMs = 200 } = {}) {
  const families = new Map();
  const writes = new Map();
  const state = { mode: 'ok', refreshes: 0, requests: 0 };
  let rotating = 0;

  const newToken = (family, kind) => `${kind}-${family.name}-${randomBytes(16).toString('hex')}`;
  const familyOf = (token) => families.get(token.split('-')[1]);

  function grant(family) {
    family.refresh = newToken(family, 'rt');
    family.access = newToken(family, 'at');
    family.until = Date.now() + tokenLife * 1_000;
    family.rotatedAt = performance.now();
    return { access_token: family.access, token_type: 'bearer', expires_in: tokenLife, refresh_token: family.refresh };
  }

  function refresh(token) {
    const family = familyOf(token);
    if (!family || family.revoked) return undefined;
    if (token !== family.refresh) {
      family.revoked = true;
      return undefined;
    }
    state.refreshes += 1;
    return grant(family);
  }

  const isGood = (header = '') => {
    const token = header.replace(/^Bearer /, '');
    const family = familyOf(token);
    return family !== undefined && !family.revoked && family.access === token && Date.now() < family.until;
  };

  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => answer(request, response, text));
  });
  server.keepAliveTimeout = 120_000;

  function answer(request, response, text) {
    state.requests += 1;
    const json = (status, body, headers = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    if (request.url === '/token') {
      if (state.mode === 'away') return json(503, {});
      const granted = refresh(new URLSearchParams(text).get('refresh_token') ?? '');
      rotating += 1;
      setTimeout(() => {
        rotating -= 1;
        if (granted) json(200, granted);
        else json(400, { error: 'invalid_grant' });
      }, answerMs);
      return;
    }
    if (!isGood(request.headers.authorization)) return json(401, {});
    // What is told 429 was not done (RFC 6585 §4).
    if (request.method === 'POST' && state.mode !== 'limited') {
      const { key } = JSON.parse(text);
      writes.set(key, (writes.get(key) ?? 0) + 1);
    }
    (MODES[state.mode] ?? MODES.ok)(response, json);
  }

  const listen = (port) => new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  /** Not between a rotation and its answer: what is cut there nobody can have any more. */
  async function breakAll() {
    const { mode } = state;
    state.mode = 'away';
    while (rotating > 0) await sleep(10);
    await sleep(10);
    server.closeAllConnections();
    state.mode = mode;
  }
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  await listen(0);
  const { port } = server.address();
  return {
    origin: `http://127.0.0.1:${port}`,
    state,
    writes,
    /** The first refresh token of a new family. */
    newFamily(name) {
      const family = { name, revoked: false };
      families.set(name, family);
      grant(family);
      return family.refresh;
    },
    revoked: () => [...families.values()].filter((it) => it.revoked).map((it) => it.name),
    /** How many refresh tokens are younger than so many milliseconds: whoever has them may not have saved them. */
    justRotated: (ms) => [...families.values()].filter((it) => it.rotatedAt > performance.now() - ms).length,
    writtenTwice: () => [...writes.values()].filter((it) => it > 1).length,
    breakAll,
    /** In its place listens one that takes nobody, and whose queue is full. */
    async blackHole(ms) {
      await breakAll();
      await close();
      const hole = spawn(process.execPath, ['-e', HOLE, String(port)], { stdio: ['ignore', 'pipe', 'ignore'] });
      await once(hole.stdout, 'data');
      hole.kill('SIGSTOP');
      const queue = Array.from({ length: 4 }, () => connect(port, '127.0.0.1').on('error', () => {}));
      await sleep(ms);
      for (const it of queue) it.destroy();
      hole.kill('SIGKILL');
      await once(hole, 'exit');
      await listen(port);
    },
    close,
  };
}

const HOLE = `
const server = require('node:net').createServer();
server.listen({ host: '127.0.0.1', port: Number(process.argv[1]), backlog: 1 }, () => console.log('listens'));
`;

/** How the API answers. */
const MODES = {
  ok: (_, json) => json(200, { ok: true }),
  hang: () => {},
  drip(response) {
    response.writeHead(200, { 'content-type': 'application/json' });
    const timer = setInterval(() => response.write(' '), 1_000);
    response.on('close', () => clearInterval(timer));
  },
  reset: (response) => response.socket?.resetAndDestroy(),
  slow: (_, json) => setTimeout(() => json(200, { ok: true }), 12_000),
  limited: (_, json) => json(429, {}, { 'retry-after': '2' }),
  broken: (_, json) => json(500, {}),
};
