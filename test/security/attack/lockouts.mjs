import { createServer, request as httpRequest } from 'node:http';
import { volley } from './growth.mjs';

/** A reverse proxy as README wants one: it adds who came to it to X-Forwarded-For. */
async function startProxy(target) {
  const { port } = new URL(target);
  const server = createServer((incoming, outgoing) => {
    const client = incoming.headers['x-test-client'] ?? incoming.socket.remoteAddress;
    const before = incoming.headers['x-forwarded-for'];
    const headers = { ...incoming.headers, 'x-forwarded-for': before ? `${before}, ${client}` : client };
    const onward = httpRequest(
      { host: '127.0.0.1', port, method: incoming.method, path: incoming.url, headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode, answer.headers);
        answer.pipe(outgoing);
      },
    );
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Wrong credentials of all kinds, in a volley; then what right ones are answered. */
async function lockedOut({ server, mallory, victim }, url, client) {
  const headers = client ? { 'x-test-client': client } : {};
  const wrong = [
    () => fetchStatus(`${url}/api/v1/users`, { headers: { ...headers, 'x-api-key': `sk-client-${'a'.repeat(43)}` } }),
    () => fetchStatus(`${url}/api/v1/users`, { headers: { ...headers, authorization: 'Bearer wrong' } }),
    () =>
      fetchStatus(`${url}/mcp`, {
        method: 'POST',
        headers: {
          ...headers,
          authorization: `Bearer pat-${'0'.repeat(16)}-${'a'.repeat(43)}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
        body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
      }),
    () =>
      fetchStatus(`${url}/mcp`, {
        method: 'POST',
        headers: {
          ...headers,
          authorization: `Bearer ${mallory.token.slice(0, -4)}AAAA`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
        body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
      }),
  ];
  const statuses = await volley(200, (i) => wrong[i % wrong.length]());
  const right = {
    'client key': await fetchStatus(`${url}/api/v1/users`, { headers: { 'x-api-key': server.key } }),
    'login token': await fetchStatus(`${url}/api/v1/me`, { headers: { authorization: `Bearer ${victim.token}` } }),
    'a token at /mcp': await fetchStatus(`${url}/mcp`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${victim.token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
    }),
    'a log-in': await fetchStatus(`${url}/api/v1/auth/token`, {
      method: 'POST',
      headers: { 'x-api-key': server.key, 'content-type': 'application/json' },
      body: JSON.stringify({ identifier: victim.identifier, secret: victim.secret }),
    }),
  };
  const problems = Object.entries(right)
    .filter(([, it]) => it.status !== 200)
    .map(([name, it]) => `${name}: ${it.status}`);
  return {
    text: `wrong ones ${JSON.stringify(statuses)}, right ones ${Object.values(right)
      .map((it) => it.status)
      .join(' ')}`,
    problems,
  };
}

async function fetchStatus(url, options) {
  try {
    const response = await fetch(url, options);
    await response.arrayBuffer();
    return { status: response.status };
  } catch (error) {
    return { status: 0, failed: String(error.cause ?? error) };
  }
}

export const LOCKOUTS = [
  {
    name: '200 wrong credentials from the same address',
    before: '20 gave 429 to every right credential for a minute',
    bound: 'right ones are served',
    isRepeated: true,
    run: (stage) => lockedOut(stage, stage.server.url),
  },
  {
    name: '200 wrong credentials through the proxy that everybody uses',
    before: '20 gave 429 to every right credential for a minute',
    bound: 'right ones are served',
    config: { server: { trustedProxies: ['127.0.0.1'] } },
    isRepeated: true,
    async run(stage) {
      const proxy = await startProxy(stage.server.url);
      try {
        return await lockedOut(stage, proxy.url, '203.0.113.9');
      } finally {
        await proxy.close();
      }
    },
  },
  {
    name: 'registrations and token requests of one client through the proxy',
    before: '20 closed /register and 120 closed /token to everybody',
    bound: 'another client registers and is answered',
    config: { server: { trustedProxies: ['127.0.0.1'] } },
    isRepeated: true,
    async run({ server }) {
      const proxy = await startProxy(server.url);
      try {
        const post = (path, client, body, type) =>
          fetchStatus(`${proxy.url}${path}`, {
            method: 'POST',
            headers: { 'content-type': type, 'x-test-client': client },
            body,
          });
        const client = JSON.stringify({
          client_name: 'x',
          redirect_uris: ['http://127.0.0.1/cb'],
          token_endpoint_auth_method: 'none',
        });
        const register = (from) => post('/register', from, client, 'application/json');
        const token = (from) =>
          post('/token', from, 'grant_type=authorization_code&code=x&client_id=x', 'application/x-www-form-urlencoded');
        const statuses = await volley(400, (i) => (i % 2 ? register : token)('203.0.113.9'));
        const others = [await register('198.51.100.7'), await token('198.51.100.7')].map((it) => it.status);
        const problems =
          others[0] === 201 && others[1] !== 429 && others[1] < 500 ? [] : [`another client: ${others.join(' ')}`];
        return { text: `${JSON.stringify(statuses)}, another client ${others.join(' ')}`, problems };
      } finally {
        await proxy.close();
      }
    },
  },
  {
    name: "wrong secrets for a user from anywhere close that user's sign-in",
    before: '20 gave 429 to the right secret, on the page and at /auth/token',
    bound: 'log-ins by the client key, and browsers that signed in before, are served',
    config: { server: { trustedProxies: ['127.0.0.1'] } },
    isRepeated: true,
    async run({ server, victim }) {
      const proxy = await startProxy(server.url);
      try {
        const wrong = (i) =>
          fetchStatus(`${proxy.url}/sign-in`, {
            method: 'POST',
            redirect: 'manual',
            headers: {
              'content-type': 'application/x-www-form-urlencoded',
              'x-test-client': `203.0.113.${i % 250}`,
              origin: server.url,
            },
            body: new URLSearchParams({
              organization: 'default',
              identifier: victim.identifier,
              secret: `sk-user-wrong-${i}`,
            }).toString(),
          });
        const statuses = await volley(60, wrong);
        const { status } = await server.rest('POST', '/auth/token', {
          body: { identifier: victim.identifier, secret: victim.secret },
        });
        return {
          text: `${JSON.stringify(statuses)}, a right log-in ${status}`,
          problems: status === 200 ? [] : [`a right log-in: ${status}`],
        };
      } finally {
        await proxy.close();
      }
    },
  },
];
