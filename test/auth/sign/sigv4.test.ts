import { createHash, createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import fc from 'fast-check';
import { FormData } from 'undici';
import { describe, expect, it } from 'vitest';
import { type AwsCredentials, signAws } from '../../../src/auth/sign/sigv4.ts';
import { createSender, type HttpRequest } from '../../../src/network/send.ts';

const suite: AwsCredentials = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  region: 'us-east-1',
  service: 'service',
};
const now = new Date('2015-08-30T12:36:00Z');

function request(method: string, url: string, headers: Record<string, string> = {}, body?: string): HttpRequest {
  return { method, url: new URL(url), headers, ...(body !== undefined && { body }) };
}

const signatureOf = ({ headers }: HttpRequest): string =>
  /SignedHeaders=([^,]+), Signature=(.+)$/
    .exec(headers.authorization ?? '')
    ?.slice(1)
    .join(' ') ?? '';

const UNRESERVED = '-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const VANILLA = '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31';
const FORM = 'application/x-www-form-urlencoded';

/** Of the AWS Signature Version 4 test suite: name, request, signature. */
describe('aws-sig-v4-test-suite', () => {
  it.each([
    ['get-vanilla', 'GET', '/', VANILLA],
    [
      'get-vanilla-empty-query-key',
      'GET',
      '/?Param1=value1',
      'a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb',
    ],
    [
      'get-vanilla-query-order-key',
      'GET',
      '/?Param1=value2&Param1=Value1',
      'eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1',
    ],
    [
      'get-vanilla-query-order-key-case',
      'GET',
      '/?Param2=value2&Param1=value1',
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
    [
      'get-vanilla-query-order-value',
      'GET',
      '/?Param1=value2&Param1=value1',
      '5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694',
    ],
    [
      'get-vanilla-query-unreserved',
      'GET',
      `/?${UNRESERVED}=${UNRESERVED}`,
      '9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197',
    ],
    ['get-vanilla-utf8-query', 'GET', '/?ሴ=bar', '2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04'],
    ['get-unreserved', 'GET', `/${UNRESERVED}`, '07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f'],
    ['get-relative', 'GET', '/example/..', VANILLA],
    ['get-relative-relative', 'GET', '/example1/example2/../..', VANILLA],
    ['get-slash', 'GET', '//', VANILLA],
    ['get-slash-dot-slash', 'GET', '/./', VANILLA],
    [
      'get-slash-pointless-dot',
      'GET',
      '/./example',
      'ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5',
    ],
    ['get-slashes', 'GET', '//example//', '9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84'],
    ['post-vanilla', 'POST', '/', '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
    [
      'post-vanilla-query',
      'POST',
      '/?Param1=value1',
      '28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11',
    ],
  ])('%s', (_, method, path, signature) => {
    const signed = signAws(request(method, `https://example.amazonaws.com${path}`), suite, { now });
    expect(signatureOf(signed)).toBe(`host;x-amz-date ${signature}`);
    expect(signed.headers['x-amz-date']).toBe('20150830T123600Z');
  });

  it.each([
    [
      'get-header-key-duplicate',
      'GET',
      { 'My-Header1': 'value2,value2,value1' },
      undefined,
      'c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea',
    ],
    [
      'get-header-value-order',
      'GET',
      { 'My-Header1': 'value4,value1,value3,value2' },
      undefined,
      '08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01',
    ],
    [
      'get-header-value-trim',
      'GET',
      { 'My-Header1': ' value1', 'My-Header2': ' "a   b   c"' },
      undefined,
      'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736',
    ],
    [
      'post-header-key-sort',
      'POST',
      { 'My-Header1': 'value1' },
      undefined,
      'c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c',
    ],
    [
      'post-header-value-case',
      'POST',
      { 'My-Header1': 'VALUE1' },
      undefined,
      'cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d',
    ],
    [
      'post-x-www-form-urlencoded',
      'POST',
      { 'Content-Type': FORM },
      'Param1=value1',
      'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
    ],
    [
      'post-x-www-form-urlencoded-parameters',
      'POST',
      { 'Content-Type': `${FORM}; charset=utf8` },
      'Param1=value1',
      '1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe',
    ],
  ])('%s', (_, method, headers, body, signature) => {
    const unsigned = request(method, 'https://example.amazonaws.com/', headers, body);
    const names = [...Object.keys(headers), 'host', 'x-amz-date'].map((it) => it.toLowerCase()).sort();
    expect(signatureOf(signAws(unsigned, suite, { now }))).toBe(`${names.join(';')} ${signature}`);
    if (body === undefined) return;
    const inBytes = { ...unsigned, body: new TextEncoder().encode(`-${body}-`).subarray(1, -1) };
    expect(signatureOf(signAws(inBytes, suite, { now }))).toBe(`${names.join(';')} ${signature}`);
  });

  it('post-sts-header-before', () => {
    const sessionToken =
      'AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==';
    const signed = signAws(request('POST', 'https://example.amazonaws.com/'), { ...suite, sessionToken }, { now });
    expect(signatureOf(signed)).toBe(
      'host;x-amz-date;x-amz-security-token 85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead',
    );
    expect(signed.headers['x-amz-security-token']).toBe(sessionToken);
  });

  it('double-encode-path, of the suite as the AWS SDK for Rust has it', () => {
    const url = 'https://tj9n5r0m12.execute-api.us-east-1.amazonaws.com/test/@connections/JBDvjfGEIAMCERw%3D';
    const credentials = { ...suite, accessKeyId: 'ANOTREAL', secretAccessKey: 'notrealrnrELgWzOk3IfjzDKtFBhDby' };
    const signed = signAws(request('POST', url), credentials, { now });
    expect(signatureOf(signed)).toBe(
      'host;x-amz-date 57d157672191bac40bae387e48bbe14b15303c001fdbb01f4abf295dccb09705',
    );
  });
});

/** "Authenticating Requests: Using the Authorization Header" of the Amazon S3 API reference. */
describe('the examples of Amazon S3', () => {
  const s3: AwsCredentials = {
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    region: 'us-east-1',
    service: 's3',
  };
  const then = new Date('2013-05-24T00:00:00Z');
  const bucket = 'https://examplebucket.s3.amazonaws.com';

  it.each([
    ['?lifecycle', 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'],
    ['?max-keys=2&prefix=J', '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'],
  ])('GET %s', (query, signature) => {
    const signed = signAws(request('GET', `${bucket}/${query}`), s3, { now: then });
    expect(signatureOf(signed)).toBe(`host;x-amz-content-sha256;x-amz-date ${signature}`);
  });

  it.each(['/test$file.text', '/test%24file.text'])('PUT %s', (path) => {
    const headers = { Date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' };
    const signed = signAws(request('PUT', `${bucket}${path}`, headers, 'Welcome to Amazon S3.'), s3, { now: then });
    expect(signatureOf(signed)).toBe(
      'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class 98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    );
    expect(signed.headers['x-amz-content-sha256']).toMatch(/^44ce7dd67c959e0d/);
    expect(signed.url.pathname).toBe(path);
  });

  it('takes a hash of the body that is there already', () => {
    const unsigned = request('PUT', `${bucket}/a`, { 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD' }, 'x');
    const [one, other] = ['x', 'y'].map((body) => signatureOf(signAws({ ...unsigned, body }, s3, { now: then })));
    expect(one).toBe(other);
  });

  it('refuses what has no bytes or no meaning yet', () => {
    const broken = request('GET', `${bucket}/100%`);
    expect(() => signAws(broken, s3, { now })).toThrow(expect.objectContaining({ code: 'arguments_invalid' }));
    const multipart = { ...request('POST', bucket), body: new FormData() };
    expect(() => signAws(multipart, s3, { now })).toThrow(expect.objectContaining({ code: 'arguments_invalid' }));
  });
});

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();
const encode = (value: string): string =>
  encodeURIComponent(value).replace(/[!'()*]/g, (it) => `%${it.charCodeAt(0).toString(16).toUpperCase()}`);

/** "Create a signed AWS API request" of the IAM user guide, read as a service does: from what came over the wire. */
function expected(
  wire: { method: string; target: string; headers: Record<string, string>; body: Buffer },
  names: string,
  { secretAccessKey, region, service }: AwsCredentials,
): string {
  const [path = '', query = ''] = wire.target.split(/\?(.*)/s);
  const isS3 = service === 's3';
  const segments = (isS3 ? path : path.replace(/\/+/g, '/')).split('/');
  const canonicalPath = segments.map((it) => encode(isS3 ? decodeURIComponent(it) : it)).join('/');
  const pairs = [...new URLSearchParams(query)].map((pair) => pair.map(encode));
  const canonicalQuery = pairs
    .sort(([nameA = '', a = ''], [nameB = '', b = '']) => (nameA === nameB ? (a < b ? -1 : 1) : nameA < nameB ? -1 : 1))
    .map((pair) => pair.join('='))
    .join('&');
  const headers = names.split(';').map((it) => `${it}:${wire.headers[it]?.trim().replace(/ +/g, ' ')}\n`);
  const canonical = [wire.method, canonicalPath, canonicalQuery, headers.join(''), names, sha256(wire.body)].join('\n');
  const time = wire.headers['x-amz-date'] ?? '';
  const scope = [time.slice(0, 8), region, service, 'aws4_request'];
  const key = scope.reduce<string | Buffer>((it, part) => hmac(it, part), `AWS4${secretAccessKey}`);
  return hmac(Buffer.from(key), ['AWS4-HMAC-SHA256', time, scope.join('/'), sha256(canonical)].join('\n')).toString(
    'hex',
  );
}

const text = fc.string({ unit: 'binary', maxLength: 10 });
const part = text.filter((it) => !/^\.{0,2}$/.test(it)).map(encodeURIComponent);
const printable = fc.string({ maxLength: 20 });

it('a server that follows the documentation accepts whatever is signed', async () => {
  let credentials = suite;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const [names = '', signature] = signatureOf({ method: '', url: new URL('http://x'), headers }).split(' ');
    const wire = { method: request.method ?? '', target: request.url ?? '', headers, body: Buffer.concat(chunks) };
    const isRight = headers['x-amz-date'] !== undefined && expected(wire, names, credentials) === signature;
    response.writeHead(isRight ? 200 : 403).end();
  });
  const sender = createSender({ allowPrivate: ['127.0.0.1'] });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const host = `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  const send = async (signed: HttpRequest): Promise<number> =>
    (await sender.send(signed, { allowedHosts: new Set([host]), followRedirects: false })).status;
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('s3', 'execute-api', 'aoss'),
        fc.array(part, { maxLength: 3 }).map((parts) => parts.join('/')),
        // S3 takes the first of a repeated parameter only.
        fc.uniqueArray(
          fc.tuple(
            text.filter((it) => it !== '' && it !== '__proto__'),
            text,
          ),
          { selector: ([it]) => it, maxLength: 4 },
        ),
        fc.oneof(printable, fc.uint8Array({ maxLength: 20 })),
        fc.option(printable, { nil: undefined }),
        fc.date({ min: new Date('2000-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }),
        fc.boolean(),
        async (service, path, query, body, sessionToken, date, plus) => {
          credentials = { ...suite, service, region: 'eu-central-1', sessionToken };
          const search = plus
            ? new URLSearchParams(query).toString()
            : query.map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
          const url = new URL(`http://${host}/${path}?${search}`);
          const unsigned: HttpRequest = { method: 'PUT', url, headers: { 'X-Own': 'a  b' }, body };
          const signed = signAws(unsigned, credentials, { now: date });
          expect(await send(signed)).toBe(200);
          expect(await send({ ...signed, method: 'POST' })).toBe(403);
        },
      ),
      { numRuns: 150 },
    );
  } finally {
    await sender.close();
    await new Promise((resolve) => server.close(resolve));
  }
});

it('the query is sent as services read it: blanks spelled out, no parameter without a name', () => {
  const signed = signAws(request('GET', "https://x.example/?b=c+d&flag&=x&it's=*"), suite, { now });
  expect(signed.url.search).toBe('?b=c%20d&flag=&it%27s=%2A');
});

describe('what URLs leave unencoded', () => {
  it.each(['/a|b%2Fc', '/a[b]%252Fc', '/a^b%25', "/it's(!)*"])('%s means the same on the wire', (path) => {
    for (const service of ['s3', 'execute-api']) {
      const signed = signAws(request('GET', `https://x.example${path}`), { ...suite, service }, { now });
      const once = signAws(request('GET', signed.url.href), { ...suite, service }, { now });
      expect(decodeURIComponent(signed.url.pathname)).toBe(decodeURIComponent(path));
      expect(signatureOf(once)).toBe(signatureOf(signed));
    }
  });
});
