import { generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { authTypes } from '../../src/auth/types.ts';
import {
  type Arrived,
  connectorOf,
  failureOf,
  openStage,
  type Provider,
  reading,
  startProvider,
  things,
} from '../execute/stage.ts';
import { CERTIFICATE, KEY } from '../sql/certificate.ts';
import { digestRealm, formFields, isAws, isBasic, isHeader, isHmac, isJwt, isWsse, oauth1Fields } from './verify.ts';

let plain: Provider;
/** Speaks TLS with those who show a certificate, and with nobody else. */
let mutual: Provider;
/** Text: the challenge that a request has to answer. */
type Check = (request: Arrived) => boolean | string | Promise<boolean | string>;
let isRight: Check;

beforeAll(async () => {
  plain = await startProvider();
  mutual = await startProvider({
    cert: CERTIFICATE,
    key: KEY,
    ca: CERTIFICATE,
    requestCert: true,
    rejectUnauthorized: true,
  });
});
afterAll(() => Promise.all([plain.close(), mutual.close()]));
beforeEach(() => {
  for (const it of [plain, mutual]) watch(it);
});

function watch(provider: Provider): void {
  provider.seen.length = 0;
  provider.answer(async (request) => {
    if (request.url.pathname === '/token') return { body: { access_token: 'made-access-token', expires_in: 60 } };
    const verdict = await Promise.resolve(request)
      .then(isRight)
      .catch(() => false);
    if (typeof verdict === 'string') return { status: 401, headers: { 'www-authenticate': verdict } };
    if (!verdict) return { status: 401 };
    if (request.url.pathname.endsWith('/moved')) return { status: 307, headers: { location: '/arrived' } };
    return { body: { ok: true } };
  });
}

const pemOf = ({ privateKey, publicKey }: KeyPairKeyObjectResult) => ({
  privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
});
const rsa = pemOf(generateKeyPairSync('rsa', { modulusLength: 2048 }));
const ec = pemOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }));
const ed = pemOf(generateKeyPairSync('ed25519'));
const shared = 'a shared secret of more than sixty-four bytes, as HS512 wants one of: 0123456789';

/** Name, option, what the user types, what the other side then sees in every request, and where that is. */
type Case = [
  name: string,
  option: Record<string, unknown>,
  input: Record<string, unknown>,
  check: Check,
  where?: { path?: string; isMutual?: boolean } | undefined,
];

const oauth1 = (signatureMethod: string): Case => {
  const consumer = { consumerKey: 'ck', consumerSecret: 'cs&1', privateKey: rsa.privateKey };
  const account = { key: 'ck', secret: 'cs&1', token: 'ot', tokenSecret: 'os/1', publicKey: rsa.publicKey };
  return [
    `oauth1 with ${signatureMethod}`,
    { type: 'oauth1', methods: { getOAuth1Config: { mapping: { ...consumer, signatureMethod } } } },
    { token: 'ot', tokenSecret: 'os/1' },
    (it) => oauth1Fields(it, account, signatureMethod) !== undefined,
  ];
};

const jwt = (algorithm: string, keys: { privateKey: string; publicKey: string }): Case => [
  `jwt with ${algorithm}`,
  {
    type: 'jwt',
    algorithm,
    key: '{{ credentials.key }}',
    issuer: '{{ credentials.issuer }}',
    audience: 'api',
    claims: { uri: '{{ request.method }} {{ request.path }}' },
  },
  { key: keys.privateKey, issuer: 'i-1' },
  isJwt(keys.publicKey, algorithm, 'i-1', 'api'),
];

const digest = (algorithm: 'MD5' | 'SHA-256'): Case => [
  `digest with ${algorithm}`,
  { type: 'digest' },
  { username: `ada ${algorithm}`, password: 'pä' },
  digestRealm({ username: `ada ${algorithm}`, password: 'pä', algorithm }),
];

const getOAuthConfig = { mapping: { clientId: 'c', clientSecret: 's', tokenUri: '{{ app.origin }}/token' } };

const file = "{{ { name: 'a.bin', mimeType: 'x/y', base64: 'AAEC/w==' } }}";
const entities = things({
  get: { ...reading, request: { path: '/thing', query: { b: '2', a: '1' } } },
  post: { ...reading, effect: 'create', request: { method: 'POST', path: '/thing', json: { name: 'ü' } } },
  form: { ...reading, effect: 'create', request: { method: 'POST', path: '/thing', form: { name: 'a b' } } },
  upload: {
    ...reading,
    effect: 'create',
    request: {
      method: 'POST',
      path: '/thing',
      multipart: [
        { name: 'name', value: 'ü' },
        { name: 'file', file },
      ],
    },
  },
  moved: { ...reading, request: { path: '/moved', followRedirects: true } },
});

/** Every auth type, in every variety. */
const cases: Case[] = [
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
    async (request) => {
      const { method, headers, body } = request;
      if (method === 'GET') return true;
      const type = String(headers['content-type']);
      if (type.startsWith('multipart/')) {
        const fields = await formFields(request);
        const { name, size } = fields.get('file') as File;
        return fields.get('key') === 'k&1' && fields.get('name') === 'ü' && name === 'a.bin' && size === 4;
      }
      const isJson = type === 'application/json';
      return (isJson ? JSON.parse(`${body}`).key : new URLSearchParams(`${body}`).get('key')) === 'k&1';
    },
  ],
  [
    'api_key in the path',
    { type: 'api_key', in: 'path', name: 'token' },
    { apiKey: '12:A/b' },
    ({ path }) => path.startsWith('/bot12:A%2Fb/') || path === '/arrived',
    { path: '/bot:token' },
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
  ...['HMAC-SHA1', 'HMAC-SHA256', 'RSA-SHA1', 'PLAINTEXT'].map(oauth1),
  ...['RS256', 'PS256'].map((it) => jwt(it, rsa)),
  jwt('ES256', ec),
  jwt('EdDSA', ed),
  ...['HS256', 'HS384', 'HS512'].map((it) => jwt(it, { privateKey: shared, publicKey: shared })),
  digest('MD5'),
  digest('SHA-256'),
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
  ['mtls', { type: 'mtls' }, { cert: CERTIFICATE, key: KEY }, () => true, { isMutual: true }],
];

/** Proven where their other side is: a Tieline of its own, or another account. */
const ELSEWHERE = ['proxy', 'host_token'];

it('is a table of every type, and of every variety that is told apart by name', () => {
  const types = new Set(cases.map(([, { type }]) => String(type)));
  expect([...types, ...ELSEWHERE].sort()).toEqual(Object.keys(authTypes).sort());
});

async function stageOf([, option, input, , where = {}]: Case, allowHosts: string[] = []) {
  const ui = { schema: { type: 'object', properties: {} } };
  const { origin } = where.isMutual ? mutual : plain;
  const server = {
    baseUrl: `${origin}${where.path ?? ''}`,
    allowHosts,
    ...(where.isMutual && { trustedCa: CERTIFICATE }),
  };
  const connector = connectorOf({ server, entities, auth: { options: { it: { title: 'It', ui, ...option } } } });
  const stage = await openStage([connector], { app: { origin } });
  onTestFinished(() => stage.close());
  await stage.link('sample', { input });
  return stage;
}

/** A multipart body has no form that a signature could be made of beforehand. */
const SIGNS_BODY = ['hmac', 'sigv4'];

describe('an endpoint that checks every request', () => {
  it.each(cases)('takes %s', async (...it) => {
    const [, option, , check] = it;
    isRight = check;
    const stage = await stageOf(it);
    const uploads = SIGNS_BODY.includes(String(option.type)) ? [] : ['upload'];
    for (const action of ['get', 'post', 'form', ...uploads]) {
      expect((await stage.call(`things.${action}`)).data).toEqual({ ok: true });
    }
  });

  it.each(cases.filter(([name]) => name !== 'none'))('does not take a request without %s', async (...it) => {
    const [name, , , check, where] = it;
    isRight = check;
    const stage = await stageOf([name, { type: 'none' }, {}, check, where]);
    const { code } = await failureOf(stage.call('things.post'));
    expect(code).toBe(where?.isMutual ? 'outcome_unknown' : 'token_rejected');
  });

  it.each(cases)('takes %s again behind a redirect within the origin, signed anew', async (...it) => {
    const [, option, , check, where] = it;
    isRight = check;
    const stage = await stageOf(it);
    expect((await stage.call('things.moved')).data).toEqual({ ok: true });
    const [first, second] = (where?.isMutual ? mutual : plain).seen.slice(-2);
    expect([first?.url.pathname.slice(-6), second?.url.pathname]).toEqual(['/moved', '/arrived']);
    if (['oauth1', 'jwt', 'sigv4', 'hmac', 'wsse', 'digest'].includes(String(option.type))) {
      const signature = ({ headers }: Arrived) => `${headers.authorization}${headers['x-sign']}${headers['x-wsse']}`;
      expect(signature(second as Arrived)).not.toBe(signature(first as Arrived));
    }
  });

  it.each(cases.filter(([name]) => name !== 'none'))('gets nothing of %s on another origin', async (...it) => {
    const [, , , check, where] = it;
    isRight = check;
    const other = await startProvider(where?.isMutual ? { cert: CERTIFICATE, key: KEY, requestCert: true } : undefined);
    onTestFinished(() => other.close());
    const stage = await stageOf(it, [other.host]);
    await stage.call('things.get');
    (where?.isMutual ? mutual : plain).answer(() => ({ status: 302, headers: { location: `${other.origin}/x` } }));
    if (where?.isMutual) {
      // Without the account's own authority it is not even talked to.
      expect((await failureOf(stage.call('things.moved'))).code).toBe('upstream_unreachable');
      expect(other.seen).toEqual([]);
      return;
    }
    await stage.call('things.moved');
    expect(other.seen).toHaveLength(1);
    for (const { headers, url } of other.seen) {
      expect(Object.keys(headers).sort()).toEqual(['accept', 'accept-encoding', 'connection', 'host', 'user-agent']);
      expect(url.search).toBe('');
    }
  });
});
