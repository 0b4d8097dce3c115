import { randomBytes } from 'node:crypto';

const call = (token, params, meta) => ({
  method: 'POST',
  headers: {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2025-11-25',
    authorization: `Bearer ${token}`,
  },
  body: JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { ...params, ...(meta && { _meta: meta }) },
  }),
});

/** Texts that made patterns begin anew at each place. */
const REPEATED = [
  'eyJ-',
  'Bearer ',
  'token ',
  'a-',
  'xoxb-',
  '/../',
  '\\',
  '"',
  '%25',
  '&lt;',
  '{{',
  '${',
  'sk-',
  ' \n',
  ': ',
];

async function slowest(requests) {
  let worst = 0;
  let at = '';
  const statuses = {};
  for (const [name, send] of requests) {
    const start = performance.now();
    const { status, failed } = await send();
    const ms = performance.now() - start;
    statuses[failed ? 'broken' : status] = (statuses[failed ? 'broken' : status] ?? 0) + 1;
    if (ms > worst) [worst, at] = [ms, name];
  }
  return { text: `slowest answer ${worst.toFixed(0)} ms (${at}), ${JSON.stringify(statuses)}`, statuses };
}

const result = ({ text, statuses }) => ({
  text,
  problems: ['500', 'broken', '0'].filter((it) => statuses[it]).map((it) => `answered ${it}`),
});

const manyFields = `{${Array.from({ length: 500_000 }, (_, i) => `"k${i}":1`).join()}}`;
const scopesOf = (scope) => `{"name":"x","scopes":[${`"${scope}",`.repeat(900_000).slice(0, -1)}]}`;

export const COST = [
  {
    name: 'text that makes patterns begin anew, in calls',
    before: '100 kB of "eyJ-" froze everybody for 19 s',
    bound: 'others wait no longer than for any request',
    async run({ server, mallory }) {
      const requests = REPEATED.flatMap((text) => {
        const long = text.repeat(Math.ceil(200_000 / text.length));
        return [
          [
            `MCP integration ${text}`,
            () =>
              server.send('/mcp', call(mallory.token, { name: 'target_things_get', arguments: { integration: long } })),
          ],
          [
            `MCP argument ${text}`,
            () => server.send('/mcp', call(mallory.token, { name: 'target_things_get', arguments: { at: long } })),
          ],
          [`MCP name ${text}`, () => server.send('/mcp', call(mallory.token, { name: long, arguments: {} }))],
          [
            `REST identifier ${text}`,
            () =>
              server.rest('POST', '/connectors/target/execute', {
                as: mallory.token,
                body: { entity: 'things', action: 'get', identifier: long },
              }),
          ],
          [
            `REST entity ${text}`,
            () =>
              server.rest('POST', '/connectors/target/execute', {
                as: mallory.token,
                body: { entity: long, action: 'get' },
              }),
          ],
        ];
      });
      return result(await slowest(requests));
    },
  },
  {
    name: 'text that makes patterns begin anew, in addresses that are logged',
    before: '86 requests of 15 kB cost 37 s of CPU',
    bound: 'others wait no longer than for any request',
    env: { TIELINE_LOG: 'debug' },
    async run({ server }) {
      const requests = REPEATED.flatMap((text) => {
        const long = encodeURIComponent(text).repeat(Math.ceil(12_000 / encodeURIComponent(text).length));
        return [
          [`client_id ${text}`, () => server.send(`/authorize?client_id=https://x.invalid/${long}&response_type=code`)],
          [`redirect_uri ${text}`, () => server.send(`/authorize?client_id=x&redirect_uri=${long}`)],
          [`path ${text}`, () => server.send(`/${long}`)],
          [`next ${text}`, () => server.send(`/sign-in?next=${long}`)],
        ];
      });
      return result(await slowest(requests));
    },
  },
  {
    name: 'fields, credentials and scopes by the hundred thousand',
    before: '500,000 parameters 3.9 s, credentials 2.5 s, 900,000 scopes 2.9 s and 500',
    bound: 'refused before they are explained; others wait no longer than for any request',
    isRepeated: true,
    async run({ server, mallory }) {
      const many = (count, value = 1) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, value]));
      const execute = `/integrations/connectors/${mallory.integration}/execute`;
      const base = { customer_name: 'mallory', connector_type: 'target' };
      // Others call the API of this process: it must not be busy with making the bodies while they are counted.
      const fields = manyFields;
      const texts = {
        parameters: `{"entity":"things","action":"get","params":${fields}}`,
        credentials: `${JSON.stringify(base).slice(0, -1)},"credentials":${fields}}`,
        fields,
        read: scopesOf('read'),
        xy: scopesOf('x:y'),
      };
      const bodies = [
        ['parameters', () => server.rest('POST', execute, { body: texts.parameters })],
        ['credentials', () => server.rest('POST', '/integrations/connectors', { body: texts.credentials })],
        ['fields', () => server.rest('POST', '/users', { body: texts.fields })],
        [
          'scopes',
          () =>
            server.rest('POST', '/users/me/tokens', {
              as: mallory.token,
              body: texts.read,
            }),
        ],
        [
          'scopes of a token',
          () =>
            server.rest('POST', '/tokens', {
              as: mallory.token,
              body: texts.xy,
            }),
        ],
        [
          'arguments by MCP',
          () => server.send('/mcp', call(mallory.token, { name: 'target_things_get', arguments: many(60_000) })),
        ],
        [
          'fields of a form',
          () =>
            server.send('/sign-in', {
              method: 'POST',
              headers: { 'content-type': 'application/x-www-form-urlencoded' },
              body: 'a=b&'.repeat(500_000),
            }),
        ],
        ['scopes of a request', () => server.send(`/authorize?client_id=x&scope=${'read%20'.repeat(2_000)}`)],
        ['a list', () => server.rest('POST', '/users', { body: `[${'0,'.repeat(4_000_000)}0]` })],
        ['empty objects', () => server.rest('POST', '/users', { body: `[${'{},'.repeat(2_500_000)}0]` })],
        ['a long string', () => server.rest('POST', '/users', { body: { identifier: '\\u0000'.repeat(1_000_000) } })],
      ];
      return result(await slowest(bodies));
    },
  },
  {
    name: '300,000 guesses at the secrets of others in one request',
    before: 'the right one came back as [secret] in 3.6 s',
    bound: 'nothing is told; others wait no longer than for any request',
    isRepeated: true,
    async run({ server, victim, mallory }) {
      const planted = `token-of-victim-0123456789`;
      const guesses = Array.from({ length: 100_000 }, () => randomBytes(8).toString('hex'));
      guesses[69_700] = planted;
      const problems = [];
      const bodies = [
        () => server.rest('GET', `/integrations/connectors?customer_name=${guesses.slice(69_600, 69_800).join('-')}`),
        () =>
          server.rest('POST', '/integrations/connectors', {
            body: { customer_name: planted, connector_type: planted, credentials: {} },
          }),
        () =>
          server.rest('POST', '/connectors/target/execute', {
            as: mallory.token,
            body: { entity: planted, action: 'get' },
          }),
        () =>
          server.rest('POST', '/connectors/target/execute', {
            as: mallory.token,
            body: { entity: 'things', action: 'get', identifier: planted },
          }),
        () =>
          server.rest('POST', '/integrations/connectors', {
            body: { customer_name: guesses.join(' '), connector_type: 'target', credentials: {} },
          }),
        () =>
          server.send('/mcp', call(mallory.token, { name: 'target_things_get', arguments: { integration: planted } })),
        () => server.send('/mcp', call(mallory.token, { name: `target_${planted}`, arguments: {} })),
      ];
      for (const send of bodies) {
        const { text } = await send();
        if (text.includes('[secret]')) problems.push(`told: ${text.slice(0, 200)}`);
      }
      for (const secret of [victim.secret, victim.token, server.key]) {
        const { text } = await server.rest('POST', '/connectors/target/execute', {
          as: mallory.token,
          body: { entity: 'things', action: 'get', identifier: `is it ${secret}?`.slice(0, 250) },
        });
        const shape = /\bsk-|eyJ/.test(secret);
        if (text.includes('[secret]') && !shape) problems.push(`told: ${text.slice(0, 200)}`);
      }
      return { text: problems.length === 0 ? 'nothing was told' : 'told', problems };
    },
  },
  {
    name: 'four statements on SQLite that never end',
    before: 'nobody was answered for 60 s',
    bound: 'they are ended; others wait no longer than for any request',
    async run({ server, mallory }) {
      const linked = await server.rest('POST', '/integrations/connectors', {
        body: {
          customer_name: 'mallory',
          connector_type: 'sql',
          credentials: { driver: 'sqlite', database: await databaseIn(server.home) },
        },
      });
      if (!linked.json?.id) return { text: linked.text, problems: [`no account: ${linked.text}`] };
      const statement = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n';
      const body = { entity: 'statements', action: 'query', params: { statement } };
      const controller = new AbortController();
      const started = performance.now();
      const calls = Array.from({ length: 8 }, () =>
        fetch(`${server.url}/api/v1/integrations/connectors/${linked.json.id}/execute`, {
          method: 'POST',
          headers: { authorization: `Bearer ${server.key}`, 'content-type': 'application/json' },
          body: JSON.stringify(body),
          signal: controller.signal,
        }).catch(() => undefined),
      );
      const times = [];
      for (let i = 0; i < 10; i++) {
        const start = performance.now();
        const { status } = await server.rest('POST', '/users', { body: { identifier: `while-${mallory.id}-${i}` } });
        times.push(performance.now() - start);
        if (status !== 201) break;
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      controller.abort();
      await Promise.all(calls);
      const longest = Math.max(...times);
      return {
        text: `users made meanwhile: ${times.length}, longest ${longest.toFixed(0)} ms, ${((performance.now() - started) / 1000).toFixed(1)} s`,
        problems: longest > 2_000 || times.length < 10 ? [`making a user took ${longest.toFixed(0)} ms`] : [],
      };
    },
  },
];

async function databaseIn(home) {
  const { join } = await import('node:path');
  const { writeFile } = await import('node:fs/promises');
  const file = join(home, 'victim.db');
  await writeFile(file, '');
  return file;
}
