import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  type Arrived,
  connectorOf,
  openStage,
  type Provider,
  reading,
  startProvider,
  things,
} from '../execute/stage.ts';
import { isAws, isBasic, isHeader, isHmac, isJwt, isWsse, oauth1Fields } from './verify.ts';

let provider: Provider;
type Check = (request: Arrived) => boolean | Promise<boolean>;
let isRight: Check;

beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());
beforeEach(() => {
  provider.seen.length = 0;
  provider.answer(async (request) => {
    if (request.url.pathname === '/token') return { body: { access_token: 'made-access-token', expires_in: 60 } };
    const verdict = await Promise.resolve(request)
      .then(isRight)
      .catch(() => false);
    if (!verdict) return { status: 401 };
    if (request.url.pathname === '/moved') return { status: 307, headers: { location: '/arrived' } };
    return { body: { ok: true } };
  });
});

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const privateKey = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const publicKey = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();

const oauth1 = (signatureMethod: string) => ({
  type: 'oauth1',
  methods: { getOAuth1Config: { mapping: { consumerKey: 'ck', consumerSecret: 'cs&1', signatureMethod } } },
});
const account = { key: 'ck', secret: 'cs&1', token: 'ot', tokenSecret: 'os/1' };
const tokens = { token: 'ot', tokenSecret: 'os/1' };
const getOAuthConfig = { mapping: { clientId: 'c', clientSecret: 's', tokenUri: '{{ app.origin }}/token' } };

const entities = things({
  get: { ...reading, request: { path: '/thing', query: { b: '2', a: '1' } } },
  post: { ...reading, effect: 'create', request: { method: 'POST', path: '/thing', json: { name: 'ü' } } },
  form: { ...reading, effect: 'create', request: { method: 'POST', path: '/thing', form: { name: 'a b' } } },
  moved: { ...reading, request: { path: '/moved', followRedirects: true } },
});

/** Every auth type, by what the user types and by what the other side then sees, in every request. */
const cases: [string, Record<string, unknown>, Record<string, unknown>, Check][] = [
  ['none', { type: 'none' }, {}, ({ headers }) => headers.authorization === undefined],
  ['api_key in a header', { type: 'api_key', name: 'X-Key' }, { apiKey: 'k-1' }, isHeader('x-key', 'k-1')],
  [
    'api_key after a prefix',
    { type: 'api_key', name: 'Authorization', prefix: 'SSWS ' },
    { apiKey: 'k-1' },
    isHeader('authorization', 'SSWS k-1'),
  ],
  [
    'api_key in the query',
    { type: 'api_key', in: 'query', name: 'key' },
    { apiKey: 'k&1' },
    ({ url }) => url.searchParams.get('key') === 'k&1',
  ],
  [
    'api_key in a cookie',
    { type: 'api_key', in: 'cookie', name: 'sid' },
    { apiKey: 'k;1' },
    isHeader('cookie', 'sid=k%3B1'),
  ],
  [
    'api_key in the body',
    { type: 'api_key', in: 'body', name: 'key' },
    { apiKey: 'k&1' },
    ({ method, headers, body }) => {
      if (method === 'GET') return true;
      const isJson = headers['content-type'] === 'application/json';
      return (isJson ? JSON.parse(`${body}`).key : new URLSearchParams(`${body}`).get('key')) === 'k&1';
    },
  ],
  ['basic', { type: 'basic' }, { username: 'ada', password: 'p:ü' }, isBasic('ada', 'p:ü')],
  ['basic without password', { type: 'basic' }, { username: 'key' }, isBasic('key', '')],
  ['bearer', { type: 'bearer' }, { token: 'raw-token' }, isHeader('authorization', 'Bearer raw-token')],
  [
    'bearer in a header of its own',
    { type: 'bearer', header: 'X-Desk-Token', prefix: '' },
    { token: 'raw-token' },
    isHeader('x-desk-token', 'raw-token'),
  ],
  [
    'token_request',
    {
      type: 'token_request',
      header: 'X-Session',
      prefix: 'Session',
      request: { path: '/token', json: {} },
      outputs: { token: '{{ body.access_token }}' },
    },
    {},
    isHeader('x-session', 'Session made-access-token'),
  ],
  [
    'oauth2',
    { type: 'oauth2', grant: 'client_credentials', methods: { getOAuthConfig } },
    {},
    isHeader('authorization', 'Bearer made-access-token'),
  ],
  ['oauth1 with HMAC-SHA1', oauth1('HMAC-SHA1'), tokens, (it) => oauth1Fields(it, account) !== undefined],
  ['oauth1 with HMAC-SHA256', oauth1('HMAC-SHA256'), tokens, (it) => oauth1Fields(it, account, 'sha256') !== undefined],
  [
    'jwt',
    {
      type: 'jwt',
      algorithm: 'RS256',
      key: '{{ credentials.key }}',
      issuer: '{{ credentials.issuer }}',
      audience: 'api',
      claims: { uri: '{{ request.method }} {{ request.path }}' },
    },
    { key: privateKey, issuer: 'i-1' },
    isJwt(publicKey, 'RS256', 'i-1', 'api'),
  ],
  [
    'sigv4',
    { type: 'sigv4', region: 'eu-west-1', service: 'execute-api' },
    { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret/key+1' },
    isAws('AKIDEXAMPLE', 'secret/key+1', 'eu-west-1', 'execute-api'),
  ],
  [
    'hmac',
    {
      type: 'hmac',
      header: 'X-Sign',
      headers: { 'X-Key': '{{ credentials.keyId }}', 'X-Time': '{{ timestamp }}' },
      content:
        "{{ [timestamp, request.method, request.path + (request.query && '?' + request.query), request.body].join('\\n') }}",
    },
    { keyId: 'kid-1', secret: 'hmac secret' },
    isHmac('kid-1', 'hmac secret'),
  ],
  ['wsse', { type: 'wsse' }, { username: 'ada', password: 'pä' }, isWsse('ada', 'pä')],
];

async function stageOf(option: Record<string, unknown>, input: Record<string, unknown>, allowHosts: string[] = []) {
  const ui = { schema: { type: 'object', properties: {} } };
  const server = { baseUrl: provider.origin, allowHosts };
  const connector = connectorOf({ server, entities, auth: { options: { it: { title: 'It', ui, ...option } } } });
  const stage = await openStage([connector], { app: { origin: provider.origin } });
  onTestFinished(() => stage.close());
  await stage.link('sample', { input });
  return stage;
}

describe('an endpoint that checks every request', () => {
  it.each(cases)('takes %s', async (_, option, input, check) => {
    isRight = check;
    const stage = await stageOf(option, input);
    for (const action of ['get', 'post', 'form']) {
      expect((await stage.call(`things.${action}`)).data).toEqual({ ok: true });
    }
  });

  it.each(cases)('takes %s again behind a redirect within the origin, signed anew', async (_, option, input, check) => {
    isRight = check;
    const stage = await stageOf(option, input);
    expect((await stage.call('things.moved')).data).toEqual({ ok: true });
    const [first, second] = provider.seen.slice(-2);
    expect([first?.url.pathname, second?.url.pathname]).toEqual(['/moved', '/arrived']);
    if (['oauth1', 'jwt', 'sigv4', 'hmac', 'wsse'].includes(String(option.type))) {
      const signature = ({ headers }: Arrived) => `${headers.authorization}${headers['x-sign']}${headers['x-wsse']}`;
      expect(signature(second as Arrived)).not.toBe(signature(first as Arrived));
    }
  });

  it.each(cases.filter(([name]) => name !== 'none'))(
    'gets nothing of %s on another origin',
    async (_, option, input, check) => {
      isRight = check;
      const other = await startProvider();
      onTestFinished(() => other.close());
      const stage = await stageOf(option, input, [other.host]);
      provider.answer(() => ({ status: 302, headers: { location: `${other.origin}/x` } }));
      await stage.call('things.moved');
      expect(other.seen).toHaveLength(1);
      for (const { headers, url } of other.seen) {
        expect(Object.keys(headers).sort()).toEqual(['accept', 'accept-encoding', 'connection', 'host', 'user-agent']);
        expect(url.search).toBe('');
      }
    },
  );
});
