import { openPolicy, type Policy } from '../../src/execute/policy.ts';
import type { Extension } from '../../src/mcp/extension.ts';
import { connectorOf, type Handler, type Provider, reading, things } from '../execute/stage.ts';

/** A request that both ways are to answer alike. */
export type ParityCase = {
  readonly name: string;
  readonly params?: Record<string, unknown>;
  readonly method?: string;
  readonly id?: string | number;
  /** What the provider answers meanwhile. */
  readonly provider?: Handler;
  /** Whether the second one in the same words is answered past the SDK. */
  readonly isShort: boolean;
  /** A part of the answer, so that nobody compares one failure to another. */
  readonly shows: string;
};

/** A connector with an action for each form that a result has, and one with no account. */
export function parityConnectors({ origin }: Pick<Provider, 'origin'>) {
  const server = { baseUrl: origin };
  const request = { path: '/thing' };
  const records = '{{ response.body.items }}';
  const paginate = {
    kind: 'cursor',
    send: { name: 'cursor' },
    next: '{{ response.body.next }}',
    limit: { name: 'n', default: 10, max: 500 },
  };
  const any = { type: 'object', properties: { any: {}, text: { type: 'string' } } };
  const entities = things({
    get: { ...reading, request },
    list: { ...reading, request, paginate, result: { records } },
    say: { ...reading, params: { ...any, required: ['text'] }, request },
    any: { ...reading, params: any, request, result: { value: { args: '{{ args.any }}' } } },
    file: {
      ...reading,
      request,
      result: { file: { name: 'a file', mimeType: "{{ response.headers['content-type'] }}" } },
    },
    create: { ...reading, effect: 'create', request: { ...request, method: 'POST' } },
    off: { ...reading, request },
  });
  const spare = { connector: 'spare', title: 'Spare', server, entities: things({ get: { ...reading, request } }) };
  return [connectorOf({ server, entities }), connectorOf(spare)];
}

const call = (name: string, args?: unknown) => ({
  name: `sample_things_${name}`,
  ...(args !== undefined && { arguments: args }),
});
const text =
  (it: string, status = 200, headers = {}): Handler =>
  () => ({ status, headers: { 'content-type': 'application/json', ...headers }, text: it });
const file =
  (type: string, bytes: Uint8Array | string): Handler =>
  () => ({ headers: { 'content-type': type }, text: bytes });

/** JSON of a provider, as it comes. */
const DATA: readonly (readonly [name: string, json: string])[] = [
  ['an object', '{"a":{"b":[1,"two",null,true]}}'],
  ['nothing', ''],
  ['null', 'null'],
  ['a list', '[1,[2],{}]'],
  ['an empty object', '{}'],
  ['a text', '"text"'],
  ['a number', '7'],
  ['false', 'false'],
  ['numbers as they are not written', '{"a":1.0,"b":1e21,"c":-0,"d":12345678901234567890,"e":1e-7,"f":0.1,"g":1e400}'],
  ['emoji and what stands for itself', '{"a":"😀é漢\u2028\u2029","b":"<script>&amp;</script>","c":"\u007f\u0080"}'],
  ['lone surrogates', '{"a":"\\ud800","b":"\\udc00x","\\ud83d":1}'],
  ['control characters', '{"a":"\\u0000\\u0001\\u001f\\b\\t\\n\\"\\\\\\/"}'],
  ['members of every object', '{"__proto__":{"a":1},"constructor":{"b":2},"toString":3,"length":4,"toJSON":5}'],
  ['a member twice', '{"a":1,"a":2}'],
  ['members that are numbers', '{"b":1,"10":2,"9":3}'],
  ['a member undefined', '{"data":1,"meta":2,"content":3,"isError":true,"_meta":{"x":1},"resultType":"other"}'],
];

const long = JSON.stringify({ items: Array.from({ length: 400 }, (_, i) => ({ id: i, text: 'x'.repeat(400) })) });
const PNG = Buffer.from('iVBORw0KGgo=', 'base64');

const OK = '"structuredContent"';
const FAILED = '"isError":true';

export const parityCases: readonly ParityCase[] = [
  { name: 'the tools', method: 'tools/list', isShort: true, shows: 'sample_things_get' },
  { name: 'the tools, with parameters', method: 'tools/list', params: {}, isShort: true, shows: 'sample_things_get' },
  { name: 'the tools, from a cursor', method: 'tools/list', params: { cursor: 'x' }, isShort: false, shows: '-32602' },
  ...DATA.map(([name, json]) => ({
    name: `${name} as data`,
    params: call('get'),
    provider: text(json),
    isShort: true,
    shows: OK,
  })),
  { name: 'an empty argument list', params: call('get', {}), isShort: true, shows: OK },
  { name: 'an account by name', params: call('get', { integration: 'main' }), isShort: true, shows: OK },
  {
    name: 'records of a page',
    params: call('list'),
    provider: text('{"items":[{"id":1}],"next":"n"}'),
    isShort: true,
    shows: 'cursor',
  },
  {
    name: 'records of the last page',
    params: call('list', { limit: 5 }),
    provider: text('{"items":[],"next":null}'),
    isShort: true,
    shows: 'hasMore',
  },
  {
    name: 'more than there is room for',
    params: call('list'),
    provider: text(long),
    isShort: true,
    shows: 'truncated',
  },
  {
    name: 'one thing that is too long',
    params: call('get'),
    provider: text(long),
    isShort: true,
    shows: 'result_too_large',
  },
  { name: 'a wrong cursor', params: call('list', { cursor: 'x' }), isShort: true, shows: 'cursor_invalid' },
  { name: 'an image', params: call('file'), provider: file('image/png', PNG), isShort: true, shows: '"image"' },
  {
    name: 'text',
    params: call('file'),
    provider: file('text/plain', 'né\u2028\u0000'),
    isShort: true,
    shows: '"resource"',
  },
  {
    name: 'bytes',
    params: call('file'),
    provider: file('application/x-a', new Uint8Array([0, 255])),
    isShort: true,
    shows: '"blob"',
  },
  { name: 'a required argument missing', params: call('say', {}), isShort: true, shows: 'arguments_invalid' },
  { name: 'an argument too many', params: call('get', { 'né"\u2028': 1 }), isShort: true, shows: 'arguments_invalid' },
  {
    name: 'an account that is no text',
    params: call('get', { integration: 1 }),
    isShort: true,
    shows: 'arguments_invalid',
  },
  {
    name: 'an account that is not there',
    params: call('get', { integration: 'no' }),
    isShort: true,
    shows: 'integration_unknown',
  },
  {
    name: 'deep arguments',
    params: call('any', { any: { a: [{ b: null }], constructor: 1 } }),
    isShort: true,
    shows: OK,
  },
  ...[401, 403, 404, 409, 418, 422, 500, 503].map((status) => ({
    name: `${status} from the provider`,
    params: call('create', {}),
    provider: text('{"error":"because <b>"}', status),
    isShort: true,
    shows: FAILED,
  })),
  {
    name: '429 from the provider',
    params: call('create'),
    provider: text('{}', 429, { 'retry-after': '7200' }),
    isShort: true,
    shows: 'retryAfter',
  },
  { name: 'no JSON from the provider', params: call('list'), provider: text('<html>'), isShort: true, shows: FAILED },
  {
    name: 'no list from the provider',
    params: call('list'),
    provider: text('{"items":1}'),
    isShort: true,
    shows: 'upstream_invalid',
  },
  {
    name: 'a tool without an account',
    params: { name: 'spare_things_get' },
    isShort: true,
    shows: 'onnect your Spare account|integration_required',
  },
  { name: 'the accounts', params: { name: 'integrations_list' }, isShort: true, shows: '"main"' },
  {
    name: 'the accounts of no connector',
    params: { name: 'integrations_list', arguments: { connector: 'no' } },
    isShort: true,
    shows: 'connector_unknown',
  },
  {
    name: 'connecting',
    params: { name: 'integrations_connect', arguments: { connector: 'spare' } },
    isShort: true,
    shows: 'onnect your Spare account|integration_required',
  },
  {
    name: 'connecting what is there',
    params: { name: 'integrations_connect', arguments: { connector: 'sample', identifier: 'main' } },
    isShort: true,
    shows: 'integration_exists',
  },
  {
    name: 'the default',
    params: { name: 'integrations_set_default', arguments: { connector: 'sample', identifier: 'main' } },
    isShort: true,
    shows: 'main',
  },
  {
    name: 'removing what is not there',
    params: { name: 'integrations_disconnect', arguments: { connector: 'sample', identifier: 'no' } },
    isShort: true,
    shows: 'integration_unknown',
  },
  { name: 'a tool that is switched off', params: call('off'), isShort: true, shows: 'policy_denied' },
  { name: 'a tool of nobody', params: { name: 'no_such_tool' }, isShort: false, shows: 'Unknown tool' },
  { name: 'a tool named as all objects are', params: { name: 'constructor' }, isShort: false, shows: 'Unknown tool' },
  { name: 'a tool of an extension', params: { name: 'extra_tool' }, isShort: false, shows: 'extra' },
  { name: 'a call of nothing', params: {}, isShort: false, shows: '-32602|-32603' },
  { name: 'a name that is no text', params: { name: 1 }, isShort: false, shows: '-32602|-32603' },
  { name: 'arguments that are a list', params: call('get', []), isShort: false, shows: '-32602|-32603' },
  { name: 'arguments that are null', params: call('get', null), isShort: false, shows: '-32602|-32603' },
  { name: 'arguments that are text', params: call('get', 'x'), isShort: false, shows: '-32602|-32603' },
  { name: 'a task', params: { ...call('get'), task: { ttl: 1 } }, isShort: false, shows: '"id"' },
  { name: 'a member that nobody knows', params: { ...call('get'), more: 1 }, isShort: false, shows: OK },
  { name: "a state that is nobody's", params: { ...call('get'), requestState: 'x' }, isShort: false, shows: '"id"' },
  { name: 'answers to no question', params: { ...call('get'), inputResponses: {} }, isShort: false, shows: '"id"' },
  { name: 'an unknown method', method: 'tools/nothing', params: {}, isShort: false, shows: '-32601' },
  ...[0, -1, '', 'a"b\u2028\ud800', 'x'.repeat(2_000), 2 ** 53 - 1].map((id) => ({
    name: `the id ${JSON.stringify(id).slice(0, 20)}`,
    id,
    params: call('get'),
    isShort: true,
    shows: OK,
  })),
];

export const parityPolicy: Policy = { ...openPolicy, deny: ['things.off'] };

export const extra: Extension = {
  tools: [{ name: 'extra_tool', description: 'One more.', inputSchema: { type: 'object' } } as never],
  call: async (_, __, { capabilities }) => ({ content: [], structuredContent: { extra: true, capabilities } }),
};

/** What is made anew with each answer. */
export const withoutRandom = (body: string): string =>
  body
    .replaceAll(/(\\?"(?:cursor|requestState)\\?":\\?")[^"\\]+/g, '$1…')
    .replaceAll(/(\/connect\/)[\w-]+/g, '$1…')
    .replaceAll(/(\\?"elicitationId\\?":\\?")[^"\\]+/g, '$1…');

export const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};
export const OPENS_URLS = { elicitation: { url: {} } };

/** What is in `_meta` beside, or in the place of, the envelope. */
export const parityMetas: readonly (readonly [name: string, meta: unknown])[] = [
  ['nothing', {}],
  ['something of its own', { 'example.com/x': { a: 1 } }],
  ['a trace', { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }],
  ['the whole envelope', ENVELOPE],
  ['the envelope and more', { ...ENVELOPE, 'example.com/x': 1, 'io.modelcontextprotocol/logLevel': 'debug' }],
  ['a name', { ...ENVELOPE, 'io.modelcontextprotocol/clientInfo': { name: 'x', version: '1' } }],
  ['a name without a version', { ...ENVELOPE, 'io.modelcontextprotocol/clientInfo': { name: 'x' } }],
  ['capabilities that are a list', { ...ENVELOPE, 'io.modelcontextprotocol/clientCapabilities': [] }],
  ['no capabilities', { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }],
  ['capabilities alone', { 'io.modelcontextprotocol/clientCapabilities': {} }],
  ['another revision', { ...ENVELOPE, 'io.modelcontextprotocol/protocolVersion': '2030-01-01' }],
  ['a revision of before', { ...ENVELOPE, 'io.modelcontextprotocol/protocolVersion': '2025-11-25' }],
  ['a revision that is no text', { ...ENVELOPE, 'io.modelcontextprotocol/protocolVersion': 1 }],
  ['a progress token', { ...ENVELOPE, progressToken: 'p' }],
  ['a progress token alone', { progressToken: 1 }],
  ['a wrong progress token', { ...ENVELOPE, progressToken: {} }],
  ['a wrong task', { ...ENVELOPE, 'io.modelcontextprotocol/related-task': 5 }],
  ['a wrong task alone', { 'io.modelcontextprotocol/related-task': 5 }],
  ['null', null],
  ['a list', []],
  ['text', 'x'],
];
