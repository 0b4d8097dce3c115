import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectAccount } from '../../src/execute/connect.ts';
import { forgetWait } from '../../src/execute/waits.ts';
import { principalOf } from '../../src/http/caller.ts';
import { findUser } from '../../src/integration/user.ts';
import { type Provider, startProvider } from '../execute/stage.ts';
import {
  ENVELOPE,
  extra,
  OPENS_URLS,
  type ParityCase,
  parityCases,
  parityConnectors,
  parityMetas,
  parityPolicy,
} from '../mcp/paritycases.ts';
import { anyJson, mutation } from '../mcp/paritychance.ts';
import { type Came, openParity, type ParityStage, type Sent } from './paritystage.ts';
import { type HttpStage, openHttpStage, type Tenant } from './stage.ts';

let provider: Provider;
let stage: HttpStage;
let parity: ParityStage;
let acme: Tenant;
let token: string;

beforeAll(async () => {
  provider = await startProvider();
  stage = await openHttpStage({ connectors: parityConnectors(provider), extension: extra, policy: parityPolicy });
  parity = await openParity(stage);
  acme = await stage.tenant();
  token = await person('ada');
});
afterAll(async () => {
  await parity.close();
  await stage.close();
  await provider.close();
});

/** The token of somebody with an account. */
async function person(identifier: string): Promise<string> {
  const user = await stage.user(acme, identifier);
  const found = await findUser(stage.keystore, acme.organization, identifier);
  if (!found) throw new Error('nobody');
  const input = { token: `${identifier}-token-0123456789` };
  await connectAccount(stage.engine, principalOf(found), { connector: 'sample', identifier: 'main', input });
  return user.token;
}

type Header = readonly [string, string];
type Request = Pick<ParityCase, 'method' | 'id' | 'params'>;
type Era = {
  readonly era: string;
  readonly meta?: object;
  /** What it says of a request in headers, beside the usual. */
  headers(request: Request): readonly Header[] | Promise<readonly Header[]>;
};

const meta = (capabilities: object) => ({ ...ENVELOPE, 'io.modelcontextprotocol/clientCapabilities': capabilities });

const ofToday = ({ method = 'tools/call', params }: Request): Header[] => [
  ['mcp-protocol-version', '2026-07-28'],
  ['mcp-method', method],
  ...(method === 'tools/call' ? [['mcp-name', String(params?.name)] as const] : []),
];

const sessions = new Map<string, string>();
async function inSession(protocolVersion: string, capabilities: object = {}): Promise<Header[]> {
  const key = JSON.stringify([protocolVersion, capabilities]);
  if (!sessions.has(key)) {
    const params = { protocolVersion, capabilities, clientInfo: { name: 'Tests', version: '1' } };
    const { headers } = await stage.request('POST', '//mcp', {
      as: token,
      body: { jsonrpc: '2.0', id: 1, method: 'initialize', params },
      headers: { accept: ACCEPT },
    });
    sessions.set(key, headers.get('mcp-session-id') ?? '');
  }
  return [
    ['mcp-protocol-version', protocolVersion],
    ['mcp-session-id', sessions.get(key) ?? ''],
  ];
}

const ACCEPT = 'application/json, text/event-stream';

const eras: readonly Era[] = [
  { era: '2026-07-28', meta: meta({}), headers: ofToday },
  { era: '2026-07-28, opening addresses', meta: meta(OPENS_URLS), headers: ofToday },
  { era: '2025-11-25', headers: () => inSession('2025-11-25') },
  { era: '2025-11-25, opening addresses', headers: () => inSession('2025-11-25', OPENS_URLS) },
  { era: '2025-06-18', headers: () => inSession('2025-06-18') },
  { era: 'no session', headers: () => [] },
];

const usual = (as = token): Header[] => [
  ['authorization', `Bearer ${as}`],
  ['content-type', 'application/json'],
  ['accept', ACCEPT],
];

async function messageOf(request: Request, era: Era): Promise<Sent> {
  const { method = 'tools/call', id = 1, params } = request;
  const all = (params || era.meta) && { params: { ...params, ...(era.meta && { _meta: era.meta }) } };
  const body = JSON.stringify({ jsonrpc: '2.0', id, method, ...all });
  return { headers: [...usual(), ...(await era.headers(request))], body };
}

/** Sends it the long way, and twice the short one, which it then takes where it may. Tells how often it did. */
async function compare(request: Sent): Promise<{ expected: Came; taken: number }> {
  // What a provider says of waiting holds for the calls that follow.
  const send = (way: 'long' | 'short') => {
    forgetWait();
    return parity.send(way, request);
  };
  const expected = await send('long');
  const before = parity.taken();
  for (let i = 0; i < 2; i++) expect(await send('short')).toEqual(expected);
  return { expected, taken: parity.taken() - before };
}

describe.each(eras)('answers over HTTP, $era', (era) => {
  it.each(parityCases)('are the same: $name', async (it) => {
    provider.answer(it.provider ?? (() => ({ body: { a: 1 } })));
    const { expected, taken } = await compare(await messageOf(it, era));
    expect(expected.body).toMatch(new RegExp(it.shows));
    if (it.isShort) expect(taken).toBeGreaterThan(0);
    else expect(taken).toBe(0);
    forgetWait();
  });
});

const compared = eras.filter(({ era }) => era === '2026-07-28' || era === '2025-11-25');
const get = { params: { name: 'sample_things_get' } };

/** The usual request with other headers in the place of those of these names, undefined being none. */
function withHeaders({ headers, body }: Sent, ...others: readonly (readonly [string, string | undefined])[]): Sent {
  const kept = headers.filter(([name]) => !others.some(([it]) => it === name));
  return { headers: [...kept, ...others.filter((it): it is Header => it[1] !== undefined)], body };
}

const other = (name: string, ...values: (string | undefined)[]) =>
  [`${name}: ${values.join(', ')}`, (it: Sent) => withHeaders(it, ...values.map((of) => [name, of] as const))] as const;

const body = (name: string, change: (text: string) => string | Buffer) =>
  [`a body ${name}`, ({ headers, body: of }: Sent): Sent => ({ headers, body: change(String(of)) })] as const;

/** What may differ from a request that was served before. */
const DIFFERENCES: readonly (readonly [name: string, change: (usual: Sent) => Sent])[] = [
  other('mcp-name', 'other'),
  other('mcp-name', undefined),
  other('mcp-name', `=?base64?${Buffer.from('sample_things_get').toString('base64')}?=`),
  other('mcp-name', 'sample_things_get', 'sample_things_get'),
  other('mcp-method', 'tools/list'),
  other('mcp-method', undefined),
  other('mcp-protocol-version', undefined),
  other('mcp-protocol-version', '2024-11-05'),
  other('mcp-protocol-version', '2030-01-01'),
  other('mcp-protocol-version', '2026-07-28', '2026-07-28'),
  other('accept', undefined),
  other('accept', '*/*'),
  other('accept', 'application/json'),
  other('accept', 'text/event-stream'),
  other('accept', 'text/event-stream, application/json'),
  other('accept', 'text/html'),
  other('accept', 'application/json', 'text/event-stream'),
  other('content-type', undefined),
  other('content-type', 'text/plain'),
  other('content-type', 'application/json; charset=utf-8'),
  other('content-type', 'application/json; charset=utf-16'),
  other('content-type', 'Application/JSON'),
  other('content-type', 'application/json', 'text/plain'),
  other('origin', 'http://localhost'),
  other('origin', 'https://elsewhere.example'),
  other('origin', 'null'),
  other('host', 'localhost:1'),
  other('host', 'elsewhere.example'),
  other('host', 'x y'),
  other('host', ''),
  other('authorization', undefined),
  other('authorization', 'Bearer wrong'),
  other('authorization', 'Basic eDp5'),
  other('authorization', 'Bearer pat-nobody-x'),
  other('x-api-key', 'sk-client-wrong'),
  other('x-customer-name', 'ada'),
  other('x-customer-name', 'eve'),
  other('x-organization-id', 'other'),
  other('x-request-id', 'mine'),
  other('cookie', 'a=b'),
  other('last-event-id', '1'),
  other('accept-encoding', 'gzip'),
  other('content-encoding', 'gzip'),
  other('connection', 'close'),
  other('mcp-session-id', undefined),
  other('mcp-session-id', 'garbage'),
  other('mcp-session-id', 'a', 'b'),
  body('in a list', (it) => `[${it}]`),
  body('that is no JSON', (it) => it.slice(0, -1)),
  body('that is empty', () => ''),
  body('that is null', () => 'null'),
  body('with a byte order mark', (it) => `\ufeff${it}`),
  body('with blanks', (it) => ` \r\n\t${it} \n`),
  body('with a zero behind it', (it) => `${it}\0`),
  body('with members twice', (it) => it.replace('{"jsonrpc"', '{"id":9,"method":"tools/list","jsonrpc"')),
  body('with another version', (it) => it.replace('"2.0"', '"1.0"')),
  body('without an id', (it) => it.replace('"id":1,', '')),
  body('with the id null', (it) => it.replace('"id":1', '"id":null')),
  body('with half an id', (it) => it.replace('"id":1', '"id":1.5')),
  body('with __proto__', (it) => it.replace('"id"', '"__proto__":{"a":1},"id"')),
  body('with __proto__ in its parameters', (it) => it.replace('"name"', '"__proto__":{"name":"x"},"name"')),
  body('with __proto__ in its arguments', (it) => it.replace('"name"', '"arguments":{"__proto__":{"a":1}},"name"')),
  body('with constructor in its arguments', (it) => it.replace('"name"', '"arguments":{"constructor":1},"name"')),
  body('that is no UTF-8', (it) =>
    Buffer.concat([
      Buffer.from(it.replace('"name"', '"arguments":{"').split('"arguments":{"')[0] ?? ''),
      Buffer.from('"arguments":{"'),
      Buffer.from([0xff, 0xe2, 0x82, 0xf0, 0x9f, 0x98, 0x41, 0xed, 0xa0, 0x80]),
      Buffer.from(`":1},"name"${it.split('"name"')[1]}`),
    ]),
  ),
  body('of a megabyte and more', (it) => it.replace('"name"', `"arguments":{"${'x'.repeat(1_100_000)}":1},"name"`)),
];

describe.each(compared)('a request that is not quite the usual one, $era', (era) => {
  it.each(DIFFERENCES)('is answered as if there were no short way: %s', async (_, change) => {
    provider.answer(() => ({ body: { a: 1 } }));
    const usualOne = await messageOf(get, era);
    expect((await compare(usualOne)).taken).toBeGreaterThan(0);
    await compare(change(usualOne));
  });

  it('is answered as if there were no short way: two credentials', async () => {
    const usualOne = await messageOf(get, era);
    await compare(usualOne);
    const [mine, nobodys] = [`Bearer ${token}`, 'Bearer pat-nobody-x'];
    for (const [one, two] of [
      [mine, nobodys],
      [nobodys, mine],
      [mine, mine],
    ]) {
      const { expected } = await compare(withHeaders(usualOne, ['authorization', one], ['authorization', two]));
      expect(expected.status).toBe(401);
    }
  });

  it.each(parityMetas)('is answered as if there were no short way: _meta of %s', async (_, of) => {
    provider.answer(() => ({ body: { a: 1 } }));
    for (const method of ['tools/list', 'tools/call']) {
      const params = method === 'tools/call' ? get.params : {};
      const { headers } = await messageOf({ method, params }, era);
      const message = { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: of } };
      await compare({ headers, body: JSON.stringify(message) });
    }
  });
});

describe.each(compared)('by chance, $era', (era) => {
  it('whatever the provider answers is answered alike', async () => {
    const message = await messageOf(get, era);
    await compare(message);
    const one = fc.asyncProperty(anyJson, async (of) => {
      provider.answer(() => ({ headers: { 'content-type': 'application/json' }, text: JSON.stringify(of) }));
      expect((await compare(message)).taken).toBe(2);
    });
    await fc.assert(one, { numRuns: 30 });
  });

  it('whatever becomes of a request is answered alike', async () => {
    provider.answer(() => ({ body: { a: 1 } }));
    const request = { params: { name: 'sample_things_any', arguments: { any: { a: 1 }, text: 'x' } } };
    const { headers, body: text } = await messageOf(request, era);
    const one = fc.asyncProperty(mutation, async (mutate) => {
      await compare({ headers, body: JSON.stringify(mutate(JSON.parse(String(text)))) });
    });
    await fc.assert(one, { numRuns: 60 });
  });
});

it("somebody else's session says nothing of a client of 2025", async () => {
  const eve = await person('eve');
  const request = { params: { name: 'spare_things_get' } };
  const headers = await inSession('2025-11-25', OPENS_URLS);
  const { body: text } = await messageOf(request, eras[2] as Era);
  const mine = await compare({ headers: [...usual(), ...headers], body: text });
  expect(mine.expected.body).toContain('-32042');
  const theirs = await compare({ headers: [...usual(eve), ...headers], body: text });
  expect(theirs.expected.body).toContain('Ask the user to open this address');
  expect(theirs.taken).toBeGreaterThan(0);
});
