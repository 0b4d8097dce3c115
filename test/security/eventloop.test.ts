import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectAccount } from '../../src/execute/connect.ts';
import { principalOf } from '../../src/http/caller.ts';
import { findUser } from '../../src/integration/user.ts';
import { connectorOf, type Provider, reading, startProvider, things } from '../execute/stage.ts';
import { type HttpStage, openHttpStage, type Tenant } from '../http/stage.ts';

/** How long one request may hold up all others, in milliseconds, on a machine that has nothing else to do. */
const MOST_MS = 50;
/** And in times of what is measured beside it, on one that has. */
const MOST_TIMES = 8;
const MOST_TRIES = 6;
const MB = 1024 * 1024;

let provider: Provider;
let stage: HttpStage;
let acme: Tenant;
let token: string;

const inner = { type: 'object', properties: { known: { type: 'string' } }, additionalProperties: false };
const params = {
  type: 'object',
  properties: {
    text: { type: 'string' },
    pattern: { type: 'string', pattern: '^[a-z]+$' },
    form: inner,
    list: { type: 'array', items: inner },
    unique: { type: 'array', uniqueItems: true },
    either: { type: 'array', items: { anyOf: [{ type: 'string' }, inner] } },
    any: {},
  },
} as const;

beforeAll(async () => {
  provider = await startProvider();
  const request = { path: '/thing' };
  const entities = things({
    get: { ...reading, request },
    take: { ...reading, params: { ...params }, request },
    list: { ...reading, request, result: { records: '{{ response.body }}', each: { k: '{{ item.k }}' } } },
    computed: { ...reading, request, result: { value: '{{ response.body.map((it) => it) }}' } },
  });
  stage = await openHttpStage({
    connectors: [connectorOf({ server: { baseUrl: provider.origin }, retry: { attempts: 1 }, entities })],
    limits: { failures: 100_000 },
    backend: () => ({ authorizationServer: true }),
  });
  acme = await stage.tenant();
  ({ token } = await stage.user(acme, 'ada'));
  const ada = await findUser(stage.keystore, acme.organization, 'ada');
  if (!ada) throw new Error('nobody');
  const input = { token: 'ada-token-0123456789' };
  await connectAccount(stage.engine, principalOf(ada), { connector: 'sample', identifier: 'main', input });
});

afterAll(async () => {
  await stage.close();
  await provider.close();
});

/** A request as bytes, so that sending it takes this process no time. */
function bytesOf(path: string, body: string | Buffer, headers: Record<string, string> = {}, method = 'POST'): Buffer {
  const content = Buffer.from(body);
  const all = {
    host: new URL(stage.url).host,
    connection: 'close',
    'content-type': 'application/json',
    ...(content.length > 0 && { 'content-length': String(content.length) }),
    ...headers,
  };
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${head.join('')}\r\n`), content]);
}

async function send(bytes: Buffer): Promise<number> {
  const socket = connect(Number(new URL(stage.url).port), '127.0.0.1');
  await once(socket, 'connect');
  let status = 0;
  socket.on('data', (chunk) => {
    status ||= Number(/^HTTP\/1\.1 (\d+)/.exec(chunk.subarray(0, 20).toString('latin1'))?.[1]);
  });
  socket.on('error', () => {});
  socket.write(bytes);
  await once(socket, 'close');
  return status;
}

/** The longest that the event loop was not there for others while something went on, in milliseconds. */
async function heldUp<T>(work: () => Promise<T>): Promise<{ ms: number; result: T }> {
  let last = performance.now();
  let ms = 0;
  const look = () => {
    const now = performance.now();
    ms = Math.max(ms, now - last - 2);
    last = now;
  };
  const timer = setInterval(look, 2);
  try {
    const result = await work();
    look();
    return { ms, result };
  } finally {
    clearInterval(timer);
  }
}

const mcp = (args: string, name = 'sample_things_take'): string =>
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${name}","arguments":${args}}}`;
const asAda = () => ({ authorization: `Bearer ${token}`, accept: 'application/json, text/event-stream' });
const asAcme = () => ({ authorization: `Bearer ${acme.key}` });
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

const fields = (count: number, value = '1') =>
  `{${Array.from({ length: count }, (_, i) => `"k${i}":${value}`).join()}}`;
const list = (count: number, item: string) => `[${Array(count).fill(item).join()}]`;
const text = (of: string, bytes: number) => `"${of.repeat(bytes / of.length)}"`;

/** What parsing as many values as an answer may have takes here and now, in milliseconds; the median of some tries. */
function control(): number {
  const values = list(200_000, '1.5');
  const times = Array.from({ length: 5 }, () => {
    const start = performance.now();
    JSON.parse(values);
    return performance.now() - start;
  });
  return times.sort((a, b) => a - b)[2] ?? 0;
}

type Case = readonly [name: string, request: () => Buffer, answer?: string];

const CALLS: readonly Case[] = [
  ['unknown arguments', () => bytesOf('/mcp', mcp(fields(24_000)), asAda())],
  ['unknown fields of an argument', () => bytesOf('/mcp', mcp(`{"form":${fields(24_000)}}`), asAda())],
  ['a list of what does not fit', () => bytesOf('/mcp', mcp(`{"list":${list(49_000, '1')}}`), asAda())],
  ['a list of unknown fields', () => bytesOf('/mcp', mcp(`{"list":${list(24_000, '{"x":1}')}}`), asAda())],
  ['a list of what fits neither way', () => bytesOf('/mcp', mcp(`{"either":${list(24_000, '{"x":1}')}}`), asAda())],
  [
    'a list that must not repeat',
    () => bytesOf('/mcp', mcp(`{"unique":[${Array.from({ length: 49_000 }, (_, i) => i).join()}]}`), asAda()),
  ],
  [
    'a list that must not repeat, of objects',
    () =>
      bytesOf('/mcp', mcp(`{"unique":[${Array.from({ length: 24_000 }, (_, i) => `{"a":${i}}`).join()}]}`), asAda()),
  ],
  ['a text of 7 MB', () => bytesOf('/mcp', mcp(`{"text":${text('x', 7 * MB)}}`), asAda())],
  ['a text of escapes of 7 MB', () => bytesOf('/mcp', mcp(`{"text":${text('\\u0000', 7 * MB)}}`), asAda())],
  ['a text that fits no pattern', () => bytesOf('/mcp', mcp(`{"pattern":${text('A', 7 * MB)}}`), asAda())],
  ['values of any shape', () => bytesOf('/mcp', mcp(`{"any":${list(49_000, '1')}}`), asAda())],
  ['more values than may be', () => bytesOf('/mcp', mcp(`{"any":${list(3_000_000, '1')}}`), asAda())],
  ['an unknown tool', () => bytesOf('/mcp', mcp('{}', 'x'.repeat(7 * MB)), asAda())],
  ['a long account', () => bytesOf('/mcp', mcp(`{"integration":${text('eyJ-', 7 * MB)}}`), asAda())],
  [
    'an envelope of many values',
    () =>
      bytesOf('/mcp', `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":${fields(24_000)}}}`, asAda()),
  ],
  ['messages at once', () => bytesOf('/mcp', list(20_000, '{"jsonrpc":"2.0","id":1,"method":"ping"}'), asAda())],
  ['any body without a credential', () => bytesOf('/mcp', mcp(`{"any":${list(49_000, '1')}}`))],
];

const EXECUTE = '/api/v1/connectors/sample/execute';
const execute = (args: string) => `{"entity":"things","action":"take","params":${args}}`;

const API: readonly Case[] = [
  ['unknown arguments', () => bytesOf(EXECUTE, execute(fields(24_000)), asAda())],
  ['unknown fields of an argument', () => bytesOf(EXECUTE, execute(`{"form":${fields(24_000)}}`), asAda())],
  ['a list of what does not fit', () => bytesOf(EXECUTE, execute(`{"list":${list(49_000, '1')}}`), asAda())],
  ['a text of 7 MB', () => bytesOf(EXECUTE, execute(`{"text":${text('x', 7 * MB)}}`), asAda())],
  ['a key of 7 MB', () => bytesOf(EXECUTE, execute(`{${text('x', 7 * MB)}:1}`), asAda())],
  [
    'a POST that happens once',
    () => bytesOf(EXECUTE, execute(`{"any":${list(49_000, '1')}}`), { ...asAda(), 'idempotency-key': 'k1' }),
  ],
  [
    'credentials',
    () =>
      bytesOf(
        '/api/v1/integrations/connectors',
        `{"customer_name":"ada","connector_type":"sample","credentials":${fields(4_900)}}`,
        asAcme(),
      ),
  ],
  [
    'a long customer',
    () =>
      bytesOf(
        '/api/v1/integrations/connectors',
        `{"customer_name":${text('x', MB - 200)},"connector_type":"sample"}`,
        asAcme(),
      ),
  ],
  ['scopes', () => bytesOf('/api/v1/tokens', `{"name":"x","scopes":${list(9_000, '"x:y"')}}`, asAda())],
  [
    'addresses',
    () =>
      bytesOf('/api/v1/organization', `{"redirect_urls":${list(9_000, '"https://a.example/x"')}}`, asAcme(), 'PATCH'),
  ],
  ['parameters of an app', () => bytesOf('/api/v1/connectors/sample/app', fields(4_900), asAcme(), 'PUT')],
  ['fields of a user', () => bytesOf('/api/v1/users', fields(4_900), asAcme())],
];

const PAGES: readonly Case[] = [
  ['fields of a form', () => bytesOf('/sign-in', 'a&'.repeat(32_000), FORM)],
  ['a long field', () => bytesOf('/sign-in', `identifier=${'%41'.repeat(20_000)}`, FORM)],
  [
    'parts of a form',
    () =>
      bytesOf('/sign-in', `${'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n\r\n'.repeat(1_200)}--b--`, {
        'content-type': 'multipart/form-data; boundary=b',
      }),
  ],
  ['a registration', () => bytesOf('/register', `{"redirect_uris":${list(900, '"https://a.example/x"')}}`)],
  ['a request of scopes', () => bytesOf(`/authorize?client_id=x&scope=${'read%20'.repeat(1_500)}`, '', {}, 'GET')],
  ['a token request', () => bytesOf('/token', `grant_type=${'%41'.repeat(20_000)}`, FORM)],
  ['a link', () => bytesOf('/connect/x', 'input.a=1&'.repeat(6_000), FORM)],
];

const call = (action: string) => () => bytesOf('/mcp', mcp('{}', `sample_things_${action}`), asAda());

const ANSWERS: readonly Case[] = [
  ['a list of numbers', call('get'), list(190_000, '1')],
  ['objects', call('get'), list(60_000, '{"k":1}')],
  ['a text', call('get'), text('x', 7 * MB)],
  ['escapes', call('get'), text('\\u0041', 7 * MB)],
  ['more values than may be', call('get'), list(3_000_000, '1')],
  ['records', call('list'), list(40_000, '{"k":1}')],
  // Scripts take ten times as long for a value, and have bounds of their own.
  ['values for an expression', call('computed'), list(5_000, '{"k":1}')],
];

const KINDS: readonly (readonly [kind: string, cases: readonly Case[]])[] = [
  ['a call', CALLS],
  ['the API', API],
  ['a page', PAGES],
  ['an answer of a provider', ANSWERS],
];

describe.each(KINDS)('%s holds nobody up for long', (_, cases) => {
  it.each(cases.map(([name, request, answer]) => ({ name, request, answer })))('$name', async ({ request, answer }) => {
    provider.answer(() => ({ headers: { 'content-type': 'application/json' }, text: answer ?? '{"a":1}' }));
    const bytes = request();
    let least = Number.POSITIVE_INFINITY;
    const statuses = new Set<number>();
    let most = MOST_MS;
    for (let tries = 0; tries < MOST_TRIES && least >= most; tries++) {
      most = Math.max(MOST_MS, MOST_TIMES * control());
      const { ms, result } = await heldUp(() => send(bytes));
      least = Math.min(least, ms);
      statuses.add(result);
    }
    expect(
      [...statuses].filter((it) => it < 200 || it === 500),
      [...statuses].join(),
    ).toEqual([]);
    expect(least).toBeLessThan(most);
  });
});
