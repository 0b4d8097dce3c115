import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../../dist/main.js', import.meta.url));

const deep = (levels) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
const mcpHeaders = (token) => ({
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': '2025-11-25',
  ...(token && { authorization: `Bearer ${token}` }),
});

/** Where JSON may be deep, and how it gets there. */
const PLACES = {
  'the _meta of a list': (json) => `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"a":${json}}}}`,
  'the arguments of a call': (json) =>
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"target_things_get","arguments":{"at":${json}}}}`,
  'the id of a request': (json) => `{"jsonrpc":"2.0","id":${json},"method":"ping"}`,
  'a body that is a list': (json) => json,
  'params of another method': (json) => `{"jsonrpc":"2.0","id":1,"method":"initialize","params":${json}}`,
};
const LEVELS = [1_000, 5_000, 20_000, 200_000];
const REST = [
  ['POST', '/users', (json) => `{"identifier":${json}}`],
  [
    'POST',
    '/integrations/connectors',
    (json) => `{"customer_name":"mallory","connector_type":"target","credentials":${json}}`,
  ],
  ['PUT', '/connectors/target/app', (json) => `{"apiUrl":${json}}`],
];

export const CRASHES = [
  {
    name: 'deep JSON by HTTP',
    before: 'one POST of 10 kB without credential ended the process (exit 1)',
    bound: 'each is answered with 4xx, the server lives',
    async run({ server, mallory }) {
      const statuses = {};
      const problems = [];
      const note = (what, { status, failed }) => {
        statuses[status] = (statuses[status] ?? 0) + 1;
        if (failed || status >= 500 || status === 0) problems.push(`${what}: ${status} ${failed ?? ''}`);
      };
      for (const levels of LEVELS) {
        for (const [place, body] of Object.entries(PLACES)) {
          for (const token of [undefined, mallory.token]) {
            const options = { method: 'POST', headers: mcpHeaders(token), body: body(deep(levels)) };
            note(`${place}, ${levels} levels`, await server.send('/mcp', options));
          }
        }
        for (const [method, path, body] of REST) {
          note(`${method} ${path}, ${levels} levels`, await server.rest(method, path, { body: body(deep(levels)) }));
        }
        const params = JSON.stringify({ entity: 'things', action: 'get', params: { at: 'x' } }).replace(
          '"x"',
          deep(levels),
        );
        const execute = `/integrations/connectors/${mallory.integration}/execute`;
        note(`execute, ${levels} levels`, await server.rest('POST', execute, { body: params }));
        for (const path of ['/register', '/token']) {
          const options = { method: 'POST', headers: { 'content-type': 'application/json' }, body: deep(levels) };
          note(`${path}, ${levels} levels`, await server.send(path, options));
        }
      }
      return { text: `answered ${JSON.stringify(statuses)}`, problems };
    },
  },
  {
    name: 'deep and endless answers of an API',
    before: 'held by chance of where it was looked at',
    bound: 'an error with a code, the server lives',
    async run({ server, mallory }) {
      const problems = [];
      const codes = [];
      for (const at of ['deep', 'many']) {
        const path = `/integrations/connectors/${mallory.integration}/execute`;
        const body = { entity: 'things', action: 'get', params: { at } };
        const { status, json, failed } = await server.rest('POST', path, { body });
        codes.push(`${at}: ${json?.code ?? status}`);
        if (failed || !json?.code) problems.push(`${at}: ${status} ${failed ?? ''}`);
      }
      return { text: codes.join(', '), problems };
    },
  },
  {
    name: 'deep JSON, long lines and odd ids by stdio',
    before: 'no answer ever to a deep request; a line of 11 MB ended the server',
    bound: 'each line is answered, also those after it',
    isQuiet: true,
    async run({ server }) {
      const lines = [
        ...LEVELS.flatMap((levels) => Object.values(PLACES).map((body) => body(deep(levels)))),
        `{"jsonrpc":"2.0","id":2,"method":"ping","params":{"x":"${'x'.repeat(11 * 1024 * 1024)}"}}`,
        '{"jsonrpc":"2.0","id":null,"method":"ping"}',
        '{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
        '{"jsonrpc":"2.0","id":1e21,"method":"ping"}',
        '{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}',
        'garbage',
      ];
      const child = spawn(process.execPath, [MAIN, 'stdio'], {
        env: { PATH: process.env.PATH, TIELINE_HOME: server.home, TIELINE_LOG: 'error' },
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      let out = '';
      child.stdout.on('data', (text) => {
        out += text;
      });
      child.stdin.on('error', () => {});
      const last = '{"jsonrpc":"2.0","id":"the last","method":"ping"}';
      child.stdin.write(`${lines.join('\n')}\n${last}\n`);
      const until = performance.now() + 60_000;
      while (!out.includes('"the last"') && child.exitCode === null && performance.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const answers = out.split('\n').filter((it) => it !== '').length;
      const problems = [];
      if (!out.includes('"the last"')) problems.push(`no answer after them (exit ${child.exitCode})`);
      if (answers < lines.length + 1) problems.push(`${lines.length + 1} lines, ${answers} answers`);
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
      return { text: `${answers} answers to ${lines.length + 1} lines`, problems };
    },
  },
  {
    name: 'random requests at all routes',
    before: 'held but for HEAD /authorize (500)',
    bound: 'no 5xx but those of a provider, the server lives',
    async run({ server, mallory }) {
      const random = generator(20_261_201);
      const paths = Object.entries(JSON.parse((await server.send('/api/v1/openapi.json')).text).paths);
      const others = [
        '/mcp',
        '/authorize',
        '/token',
        '/register',
        '/sign-in',
        '/sign-out',
        '/consent/x',
        '/connect/x',
        '/callback/target',
        '/healthz',
        '/readyz',
        '/.well-known/oauth-authorization-server',
        '/nothing',
      ];
      const VALUES = ['', 'x', '%00', '%ff', '__proto__', '..%2f..', 'é', 'a'.repeat(3_000), '-1', '{}'];
      const BODIES = [undefined, '', '{', '[]', 'null', '{"identifier":""}', '{"__proto__":{}}', 'a=b&c', deep(300)];
      const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
      const problems = [];
      const statuses = {};
      for (let i = 0; i < 3_000; i++) {
        const known = `/api/v1${random.of(paths)[0].replace(/\{[^}]+\}/g, () => random.of(VALUES) || 'x')}`;
        const path = `${random.of([known, random.of(others)])}${random.of(['', `?a=${random.of(VALUES)}`])}`;
        const method = random.of(METHODS);
        const hasBody = method !== 'GET' && method !== 'HEAD';
        const { status, failed } = await server.send(path, {
          method,
          headers: {
            'content-type': random.of(['application/json', 'application/x-www-form-urlencoded', 'text/plain', 'x']),
            authorization: `Bearer ${random.of([mallory.token, server.key, 'wrong', ''])}`,
          },
          ...(hasBody && { body: random.of(BODIES) }),
        });
        statuses[status] = (statuses[status] ?? 0) + 1;
        if (failed || status === 500) problems.push(`${method} ${path.slice(0, 100)}: ${status} ${failed ?? ''}`);
      }
      return { text: `answered ${JSON.stringify(statuses)}`, problems: problems.slice(0, 5) };
    },
  },
];

/** The same numbers each time (mulberry32). */
function generator(seed) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  return { of: (list) => list[Math.floor(next() * list.length)] };
}
