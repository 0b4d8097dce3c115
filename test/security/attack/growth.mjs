import { setMaxListeners } from 'node:events';
import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const MB = 1024 * 1024;
const form = (fields) => ({
  method: 'POST',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams(fields).toString(),
});

/** Sends so many requests, a few at a time, and counts their statuses. */
export async function volley(count, send, { atOnce = 4 } = {}) {
  const statuses = {};
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const { status, failed } = await send(next++);
      const name = failed ? 'broken' : status;
      statuses[name] = (statuses[name] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return statuses;
}

const told = (statuses, problems = []) => ({
  text: `answered ${JSON.stringify(statuses)}`,
  problems: [
    ...problems,
    ...Object.keys(statuses)
      .filter((it) => /^5\d\d$/.test(it) && it !== '503')
      .map((it) => `answered ${it}`),
  ],
});

export const GROWTH = [
  {
    name: 'sign-in attempts with identifiers of 7 MB',
    before: '28 killed a server of 512 MB; 85 held 3 GB for good',
    bound: 'refused, and no memory stays',
    isRepeated: true,
    async run({ server }) {
      const body = (i) => form({ organization: 'default', identifier: `${i}${'x'.repeat(7 * MB)}`, secret: 'wrong' });
      return told(await volley(30, (i) => server.send('/sign-in', body(i))));
    },
  },
  {
    name: 'lists with another _meta of 1 MB each',
    before: '590 held 762 MB',
    bound: 'no memory stays',
    async run({ server, mallory }) {
      const send = (i) =>
        server.send('/mcp', {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            accept: 'application/json, text/event-stream',
            'mcp-protocol-version': '2025-11-25',
            authorization: `Bearer ${mallory.token}`,
          },
          body: `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"a":"${i}${'x'.repeat(MB - 1_000)}"}}}`,
        });
      return told(await volley(200, send, { atOnce: 2 }));
    },
  },
  {
    name: 'names, addresses and secrets of megabytes',
    before: '125 names of 7 MB held 3,022 MB, 100 base URLs 1,553 MB, 40 secrets of 2 MB 776 MB',
    bound: 'refused with 4xx, and no memory stays',
    async run({ server }) {
      const long = (i, size) => `${i}${'x'.repeat(size)}`;
      const linkOf = (fields) => server.rest('POST', '/integrations/connectors', { body: fields });
      const base = { customer_name: 'mallory', connector_type: 'target' };
      const kinds = [
        (i) => server.rest('GET', `/integrations/connectors?customer_name=${long(i, 10_000)}`),
        (i) => linkOf({ ...base, customer_name: long(i, 7 * MB), credentials: { token: 'a-token-of-no-use' } }),
        (i) =>
          linkOf({
            ...base,
            credentials: { token: 'a-token-of-no-use', base_url: `http://127.0.0.1:9/${long(i, 6 * MB)}` },
          }),
        (i) => linkOf({ ...base, name: long(i, 6 * MB), credentials: { token: 'a-token-of-no-use' } }),
        (i) => linkOf({ ...base, credentials: { token: long(i, 2 * MB) } }),
        (i) => server.rest('POST', '/users', { body: { identifier: long(i, 7 * MB) } }),
        (i) => server.rest('POST', '/auth/token', { body: { identifier: long(i, 7 * MB), secret: long(i, MB) } }),
        (i) =>
          server.rest('PUT', '/connectors/target/app', { body: { apiUrl: `http://127.0.0.1/${long(i, 7 * MB)}` } }),
      ];
      const statuses = await volley(kinds.length * 12, (i) => kinds[i % kinds.length](i));
      return told(
        statuses,
        Object.keys(statuses)
          .filter((it) => it.startsWith('2') && it !== '200')
          .map((it) => `taken: ${it}`),
      );
    },
  },
  {
    name: 'entities of 7 MB in the audit',
    before: '5 calls wrote 35 MB',
    bound: 'a line of the audit is at most a few kB',
    isRepeated: true,
    async run({ server, mallory }) {
      const path = `/integrations/connectors/${mallory.integration}/execute`;
      const body = { entity: 'x'.repeat(7 * MB), action: 'y'.repeat(100_000) };
      const statuses = await volley(10, () => server.rest('POST', path, { body }), { atOnce: 2 });
      await sleep(500);
      const size = sizeOf(join(server.home, 'audit.jsonl'));
      return told(statuses, size > 5 * MB ? [`audit.jsonl has ${size} bytes`] : []);
    },
  },
  {
    name: 'rows by strangers: GET /authorize',
    before: '6,248 in 30 s wrote 87 MB of rows',
    bound: 'the store grows by less than 10 MB',
    async run({ server }) {
      const registered = await server.send('/register', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          client_name: 'x',
          redirect_uris: ['http://127.0.0.1/cb'],
          token_endpoint_auth_method: 'none',
        }),
      });
      const { client_id: clientId } = JSON.parse(registered.text);
      const before = storeSize(server);
      const query = new URLSearchParams({
        client_id: clientId,
        redirect_uri: 'http://127.0.0.1/cb',
        response_type: 'code',
        code_challenge: 'x'.repeat(43),
        code_challenge_method: 'S256',
        scope: 'read',
        resource: `${server.url}/mcp`,
        state: 's'.repeat(1_000),
      });
      const statuses = await volley(4_000, () => server.send(`/authorize?${query}`));
      const grown = storeSize(server) - before;
      const { text, problems } = told(statuses, grown > 10 * MB ? [`the store grew by ${grown} bytes`] : []);
      return { text: `${text}, the store grew by ${(grown / MB).toFixed(1)} MB`, problems };
    },
  },
  {
    name: 'registrations and sign-in pages by strangers',
    before: 'each wrote a row; 20 closed /register to everybody',
    bound: 'the store grows by less than 10 MB',
    async run({ server }) {
      const before = storeSize(server);
      const uris = Array.from({ length: 5 }, (_, i) => `http://127.0.0.1/${i}${'x'.repeat(1_000)}`);
      const register = (i) =>
        server.send('/register', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ client_name: `client ${i}`, redirect_uris: uris, token_endpoint_auth_method: 'none' }),
        });
      const statuses = await volley(1_500, (i) => (i % 2 ? register(i) : server.send('/sign-in')));
      const grown = storeSize(server) - before;
      const { text, problems } = told(statuses, grown > 10 * MB ? [`the store grew by ${grown} bytes`] : []);
      return { text: `${text}, the store grew by ${(grown / MB).toFixed(1)} MB`, problems };
    },
  },
  {
    name: '400 bodies of 1 MB that never end',
    before: '+330 MB without credential',
    bound: 'what is held of them is bounded, others are served',
    async run({ server }) {
      const { port } = new URL(server.url);
      const sockets = Array.from({ length: 400 }, () => {
        const socket = connect(Number(port), '127.0.0.1');
        socket.on('error', () => {});
        socket.write(
          `POST /api/v1/users HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\ncontent-length: 2000000\r\n\r\n{"a":"${'x'.repeat(MB)}`,
        );
        return socket;
      });
      await sleep(4_000);
      const during = await server.memory();
      for (const socket of sockets) socket.destroy();
      const held = during.live / MB;
      return {
        text: `${held.toFixed(0)} MB in use meanwhile`,
        problems: held > 300 ? [`${held.toFixed(0)} MB in use`] : [],
      };
    },
  },
  {
    name: '3,000 calls at once to an API that hangs',
    before: 'all were taken; 10,000 had 813 MB and 20,000 files, a good call waited 7.8 s',
    bound: 'too_many_requests beyond a number; others are served',
    async run({ server, mallory }) {
      const path = `/integrations/connectors/${mallory.integration}/execute`;
      const body = { entity: 'things', action: 'get', params: { at: 'hang' } };
      const controller = new AbortController();
      setMaxListeners(0, controller.signal);
      const codes = {};
      const calls = Array.from({ length: 3_000 }, async () => {
        const response = await fetch(`${server.url}/api/v1${path}`, {
          method: 'POST',
          headers: { authorization: `Bearer ${server.key}`, 'content-type': 'application/json' },
          body: JSON.stringify(body),
          signal: controller.signal,
        }).catch(() => undefined);
        const code = response ? ((await response.json().catch(() => ({}))).code ?? response.status) : 'waiting';
        codes[code] = (codes[code] ?? 0) + 1;
      });
      await sleep(6_000);
      const during = await server.memory();
      controller.abort();
      await Promise.all(calls);
      const problems = codes.too_many_requests ? [] : ['nobody was told too_many_requests'];
      return { text: `${JSON.stringify(codes)}, ${(during.rss / MB).toFixed(0)} MB resident meanwhile`, problems };
    },
  },
];

function sizeOf(file) {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}

const storeSize = ({ home }) => ['', '-wal'].reduce((sum, it) => sum + sizeOf(join(home, `tieline.db${it}`)), 0);
