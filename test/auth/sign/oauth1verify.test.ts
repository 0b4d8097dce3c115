import { createHmac, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import fc from 'fast-check';
import OAuth from 'oauth-1.0a';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OAuth1Credentials, signOAuth1 } from '../../../src/auth/sign/oauth1.ts';
import { createSender, type HttpRequest, type Sender } from '../../../src/network/send.ts';

const privateKey = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();

let server: Server;
let sender: Sender;
let origin = '';
/** Whose signature the server expects. */
let account: OAuth1Credentials;

beforeAll(async () => {
  sender = createSender({ allowPrivate: ['127.0.0.1'] });
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    response.statusCode = 500;
    try {
      response.statusCode = isSigned(request, Buffer.concat(chunks).toString()) ? 200 : 401;
    } finally {
      response.end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  origin = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
});

afterAll(async () => {
  await sender.close();
  await new Promise((resolve) => server.close(resolve));
});

/** What arrived, verified by the npm package oauth-1.0a. It wants parameters decoded, so they are read here. */
function isSigned({ method = '', url = '', headers }: IncomingMessage, body: string): boolean {
  const address = new URL(url, `http://${headers.host}`);
  const given = [...address.searchParams];
  if (headers['content-type'] === 'application/x-www-form-urlencoded') given.push(...new URLSearchParams(body));
  const fields = [...(headers.authorization ?? '').matchAll(/(oauth_\w+)="([^"]*)"/g)];
  given.push(...fields.map(([, name = '', value = '']): [string, string] => [name, decodeURIComponent(value)]));

  const protocol = Object.fromEntries(given.filter(([name]) => name.startsWith('oauth_')));
  const data: Record<string, string[]> = Object.create(null);
  for (const [name, value] of given) {
    if (name.startsWith('oauth_')) continue;
    data[name] = [...(data[name] ?? []), value];
  }
  const { oauth_signature: signature = '', ...known } = protocol;
  const { consumerKey, consumerSecret, token, tokenSecret, signatureMethod } = account;
  if (!isProtocol(known)) return false;
  if (known.oauth_consumer_key !== consumerKey || known.oauth_token !== token) return false;
  if (known.oauth_signature_method !== signatureMethod) return false;
  const hash = (base: string, key: string): string => {
    if (signatureMethod === 'PLAINTEXT') return key;
    return createHmac(signatureMethod === 'HMAC-SHA1' ? 'sha1' : 'sha256', key)
      .update(base)
      .digest('base64');
  };
  const oauth = new OAuth({
    consumer: { key: consumerKey, secret: consumerSecret },
    signature_method: signatureMethod,
    hash_function: hash,
  });
  const request = { url: `${address.origin}${address.pathname}`, method, data };
  if (signatureMethod === 'RSA-SHA1') {
    const base = Buffer.from(oauth.getBaseString(request, known));
    return verify('sha1', base, createPublicKey(privateKey), Buffer.from(signature, 'base64'));
  }
  return oauth.getSignature(request, tokenSecret, known) === signature;
}

/** RFC 5849 §3.1. */
const isProtocol = (fields: object): fields is OAuth.Data =>
  'oauth_consumer_key' in fields && 'oauth_nonce' in fields && 'oauth_timestamp' in fields;

async function send(request: HttpRequest): Promise<number> {
  const { status } = await sender.send(request, { allowedHosts: new Set([request.url.host]), followRedirects: false });
  return status;
}

const text = fc.string({ unit: 'binary', maxLength: 12 });
const name = text.filter((it) => it !== '__proto__' && !it.startsWith('oauth_'));
const pairs = fc.array(fc.tuple(name, text), { maxLength: 5 }).chain((some) =>
  // Names that come twice are the rule here, not chance.
  fc.constantFrom(some, [...some, ...some.slice(0, 2).map(([it]): [string, string] => [it, 'twice'])]),
);
const spelled = fc.tuple(pairs, fc.boolean()).map(([some, plus]) => {
  if (plus) return new URLSearchParams(some).toString();
  return some.map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
});
const path = fc.array(text.map(encodeURIComponent), { maxLength: 3 }).map((parts) => `/x${parts.join('/')}`);
const body = fc.oneof(
  spelled.map((it) => ({ method: 'POST', type: 'application/x-www-form-urlencoded', body: it })),
  fc.json().map((it) => ({ method: 'PUT', type: 'application/json', body: it })),
  fc.constant({ method: 'GET' }),
);
const credentials: fc.Arbitrary<OAuth1Credentials> = fc.record(
  {
    consumerKey: text,
    consumerSecret: text,
    token: text,
    tokenSecret: text,
    signatureMethod: fc.constantFrom('HMAC-SHA1', 'HMAC-SHA256', 'RSA-SHA1', 'PLAINTEXT'),
    realm: fc.string({ maxLength: 12 }).map((it) => it.replace(/["\\]/g, '')),
    callback: fc.webUrl(),
    verifier: text,
    version: fc.boolean(),
    place: fc.constantFrom('header', 'query'),
    privateKey: fc.constant(privateKey),
  },
  { requiredKeys: ['consumerKey', 'consumerSecret', 'signatureMethod', 'privateKey'] },
);

it('another implementation verifies whatever is signed, and nothing that changed on the way', async () => {
  await fc.assert(
    fc.asyncProperty(
      credentials,
      path,
      spelled,
      body,
      fc.nat(),
      text,
      async (signer, where, query, content, nowSeconds, nonce) => {
        account = signer;
        const { method } = content;
        const url = new URL(`${origin}${where}?${query}`);
        const unsigned: HttpRequest =
          'type' in content
            ? { method, url, headers: { 'content-type': content.type }, body: content.body }
            : { method, url, headers: {} };
        const signed = signOAuth1(unsigned, signer, { nowSeconds, nonce });
        expect(await send(signed)).toBe(200);
        if (signer.signatureMethod === 'PLAINTEXT') return; // it covers the secrets only
        const changed = new URL(signed.url);
        changed.search = `${signed.url.search}&added=1`;
        expect(await send({ ...signed, url: changed })).toBe(401);
      },
    ),
    { numRuns: 150 },
  );
});
