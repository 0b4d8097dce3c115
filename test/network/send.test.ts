import { connect, createServer } from 'node:net';
import fc from 'fast-check';
import { FormData } from 'undici';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Resolve } from '../../src/network/guard.ts';
import { createSender, type HttpRequest, type Sender, type SendOptions, wasNotSent } from '../../src/network/send.ts';
import { FAULTY_CA, type Faulty, PLAIN, type Seen, startFaulty } from '../provider/faulty.ts';

let faulty: Faulty;
let secure: Faulty;
let sender: Sender;

beforeAll(async () => {
  faulty = await startFaulty();
  secure = await startFaulty({ tls: true });
  sender = createSender({ allowPrivate: ['127.0.0.1'] }, { ca: FAULTY_CA });
});

beforeEach(() => {
  faulty.seen.length = 0;
});

afterAll(async () => {
  await sender.close();
  await Promise.all([faulty.close(), secure.close()]);
});

function to(path: string, request: Partial<HttpRequest> = {}, options: Partial<SendOptions> = {}) {
  const url = new URL(path, faulty.origin);
  return sender.send(
    { method: 'GET', url, headers: {}, ...request },
    { allowedHosts: new Set([url.host]), ...options },
  );
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

function echoed(bytes: Uint8Array): Seen {
  return JSON.parse(text(bytes));
}

/** The error of a request that must fail. */
async function failureOf(work: Promise<unknown>): Promise<Error> {
  const error = await work.then(
    () => new Error('it did not fail'),
    (reason) => reason,
  );
  return error;
}

describe('a request', () => {
  it('arrives as it was given', async () => {
    const { status, headers, bytes, url } = await to('/echo/a%2Fb?q=1%202', {
      method: 'PATCH',
      headers: { 'X-Api-Key': 'k', 'content-type': 'text/plain' },
      body: 'grüß',
    });
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/json');
    expect(url.href).toBe(`${faulty.origin}/echo/a%2Fb?q=1%202`);
    const call = echoed(bytes);
    expect(call).toMatchObject({ method: 'PATCH', path: '/echo/a%2Fb?q=1%202' });
    expect(Buffer.from(call.body, 'latin1').toString('utf8')).toBe('grüß');
    expect(call.headers).toMatchObject({ 'x-api-key': 'k', 'accept-encoding': 'gzip, deflate, br' });
  });

  it.each([
    ['bytes', new Uint8Array([0, 1, 254, 255]), '\x00\x01\xfe\xff'],
    ['an empty text', '', ''],
  ])('carries %s', async (_, body, expected) => {
    expect(echoed((await to('/echo', { method: 'POST', body })).bytes).body).toBe(expected);
  });

  it('carries a form', async () => {
    const body = new FormData();
    body.set('note', 'line');
    body.set('file', new Blob(['data']), 'a.txt');
    const call = echoed((await to('/echo', { method: 'POST', body })).bytes);
    expect(call.headers['content-type']).toMatch(/^multipart\/form-data; boundary=/);
    expect(call.body).toContain('filename="a.txt"');
  });

  it.each([200, 204, 304, 400, 404, 418, 500, 503])('gets the answer %i as an answer', async (status) => {
    expect((await to(`/status/${status}`)).status).toBe(status);
  });

  it('gets repeated headers joined, names in lower case', async () => {
    const head = 'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSET-COOKIE: b=2\r\n__proto__: x\r\nContent-Length: 0\r\n\r\n';
    const { headers } = await to(`/raw/${encodeURIComponent(head)}`);
    expect(headers['set-cookie']).toBe('a=1, b=2');
    expect(Object.keys(headers)).toContain('__proto__');
  });

  it('skips interim answers', async () => {
    const head = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
    const { status, headers, bytes } = await to(`/raw/${encodeURIComponent(head)}`);
    expect([status, headers.link, text(bytes)]).toEqual([200, undefined, 'ok']);
  });

  it('uses a kept connection again, one request at a time', async () => {
    const own = createSender({ allowPrivate: ['127.0.0.1'] });
    const before = faulty.connections.accepted;
    const send = () =>
      own.send(
        { method: 'GET', url: new URL('/echo', faulty.origin), headers: {} },
        { allowedHosts: new Set([faulty.host]) },
      );
    for (let i = 0; i < 5; i += 1) {
      await send();
      await new Promise(setImmediate); // until then the connection counts as busy
    }
    expect(faulty.connections.accepted - before).toBe(1);
    await Promise.all([send(), send(), send()]);
    expect(faulty.connections.accepted - before).toBe(3);
    await own.close();
  });

  it('speaks TLS', async () => {
    const url = new URL('/echo', secure.origin);
    const options = { allowedHosts: new Set([url.host]) };
    expect((await sender.send({ method: 'GET', url, headers: {} }, options)).status).toBe(200);
  });
});

describe('a compressed answer', () => {
  it.each(['identity', 'gzip', 'x-gzip', 'deflate', 'raw-deflate', 'br', 'gzip, br'])(
    'in %s is read',
    async (coding) => {
      expect(text((await to(`/encoded/${encodeURIComponent(coding)}`)).bytes)).toBe(PLAIN);
    },
  );

  it.each(['gzip-cut', 'gzip-liar', 'zstd', 'often'])('in %s is refused', async (coding) => {
    await expect(to(`/encoded/${coding}`)).rejects.toMatchObject({ code: 'upstream_invalid' });
  });

  it('without a body is empty', async () => {
    expect((await to('/encoded/gzip', { method: 'HEAD' })).bytes.length).toBe(0);
  });
});

describe('a target that may not be reached', () => {
  const declared = (url: string) => ({ url: new URL(url), allowedHosts: new Set([new URL(url).host]) });

  it.each([
    ['another scheme', 'ftp://example.com/'],
    ['a file', 'file:///etc/passwd'],
    ['data', 'data:text/plain,x'],
    ['a user name', 'https://user@example.com/'],
    ['a password', 'https://:pw@example.com/'],
    ['plain http to a public host', 'http://example.com/'],
    ['metadata', 'http://169.254.169.254/latest/meta-data'],
    ['metadata over https', 'https://169.254.169.254/latest/meta-data'],
    ['a private address over https', 'https://10.0.0.1/'],
  ])('because of %s', async (_, address) => {
    const { url, allowedHosts } = declared(address);
    const error = await failureOf(sender.send({ method: 'GET', url, headers: {} }, { allowedHosts }));
    expect(error).toMatchObject({ code: 'target_forbidden' });
    expect(wasNotSent(error)).toBe(true);
  });

  it.each([
    ['another name', 'other.test'],
    ['another port', '127.0.0.1:1'],
    ['the host without its port', '127.0.0.1'],
  ])('because only %s is declared', async (_, host) => {
    const before = faulty.connections.accepted;
    const error = await failureOf(to('/echo?token=abc', {}, { allowedHosts: new Set([host]) }));
    expect(error).toMatchObject({ code: 'target_forbidden' });
    expect(error.message).not.toMatch(/echo|token/);
    expect(wasNotSent(error)).toBe(true);
    expect(faulty.connections.accepted).toBe(before);
  });

  it('says how plain http could be allowed', async () => {
    const { url, allowedHosts } = declared('http://example.com/');
    const error = await failureOf(sender.send({ method: 'GET', url, headers: {} }, { allowedHosts }));
    expect(error).toMatchObject({ hint: expect.stringMatching(/https.*operator/) });
  });
});

describe('a header', () => {
  it.each([
    ['CR LF', 'x-a', 'a\r\nx-evil: 1'],
    ['LF', 'x-a', 'a\nb'],
    ['CR', 'x-a', 'a\rb'],
    ['NUL', 'x-a', 'a\0b'],
    ['a control character', 'x-a', 'a\x7fb'],
    ['a character beyond latin-1', 'x-a', 'a—b'],
    ['a lone surrogate', 'x-a', '\ud800'],
    ['a name with a colon', 'x-a: 1\r\nx-evil', '1'],
    ['an empty name', '', '1'],
    ['another host', 'Host', 'evil.test'],
    ['another length', 'content-length', '3'],
    ['another framing', 'transfer-encoding', 'chunked'],
    ['an upgrade', 'upgrade', 'h2c'],
  ])('with %s is refused', async (_, name, value) => {
    const error = await failureOf(to('/echo', { headers: { [name]: value } }));
    expect(error).toMatchObject({ code: 'arguments_invalid' });
    expect(error.message).not.toContain('evil');
    expect(wasNotSent(error)).toBe(true);
    expect(faulty.seen).toEqual([]);
  });

  it('with any text arrives alone and unchanged, or is refused', async () => {
    const plain = [...Object.keys(echoed((await to('/echo', { headers: { 'x-a': '' } })).bytes).headers)];
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('\r', '\n', ':', 'é', ' ', 'a') }),
    );
    await fc.assert(
      fc.asyncProperty(anything, async (value) => {
        const answer = await to('/echo', { headers: { 'x-a': value } }).catch((error) => error);
        if (answer instanceof Error) {
          expect(answer).toMatchObject({ code: 'arguments_invalid' });
          return;
        }
        const { headers } = echoed(answer.bytes);
        expect(Object.keys(headers)).toEqual(plain);
        expect(headers['x-a']).toBe(value.replace(/^[ \t]+|[ \t]+$/g, ''));
      }),
      { numRuns: 50 },
    );
  });

  it.each(['GET / HTTP/1.1\r\nx: ', 'CONNECT', 'TRACE', ''])('is not smuggled in by the method %j', async (method) => {
    await expect(to('/echo', { method })).rejects.toMatchObject({ code: 'arguments_invalid' });
    expect(faulty.seen).toEqual([]);
  });
});

describe('a provider that cannot be reached', () => {
  const get = (url: string, resolve?: Resolve, options: Partial<SendOptions> = {}) => {
    const own = createSender({ allowPrivate: ['127.0.0.1'] }, resolve ? { resolve } : {});
    const target = new URL(url);
    return failureOf(
      own.send({ method: 'POST', url: target, headers: {} }, { allowedHosts: new Set([target.host]), ...options }),
    ).finally(() => own.close());
  };
  const closedPort = async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    await new Promise((resolve) => server.close(resolve));
    return typeof address === 'object' && address ? address.port : 0;
  };

  it('because it refuses the connection', async () => {
    const port = await closedPort();
    const error = await get(`http://127.0.0.1:${port}/path?token=abc`);
    expect(error).toMatchObject({ code: 'upstream_unreachable', message: `127.0.0.1:${port} refused the connection` });
    expect(error.cause).toMatchObject({ code: 'ECONNREFUSED' });
    expect(wasNotSent(error)).toBe(true);
  });

  it('because its name is unknown', async () => {
    const unknown = async () => Promise.reject(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }));
    const error = await get('https://nowhere.test/', unknown);
    expect(error).toMatchObject({ code: 'target_forbidden', message: 'nowhere.test is no host that may be reached' });
    expect(wasNotSent(error)).toBe(true);
  });

  it('because no name server answers', async () => {
    const silent = async () => Promise.reject(Object.assign(new Error('getaddrinfo'), { code: 'EAI_AGAIN' }));
    const error = await get('https://nowhere.test/', silent);
    expect(error).toMatchObject({ code: 'upstream_unreachable', message: expect.stringContaining('looked up') });
    expect(wasNotSent(error)).toBe(true);
  });

  it.each(['EMFILE', 'ENFILE'])('because there is no file for it: %s', async (code) => {
    const full = async () => Promise.reject(Object.assign(new Error('socket'), { code }));
    const error = await get('https://nowhere.test/', full);
    expect(error).toMatchObject({ code: 'too_many_requests', retryAfter: 2 });
    expect(wasNotSent(error)).toBe(true);
  });

  it('because its certificate is not trusted', async () => {
    const error = await get(`${secure.origin}/`);
    expect(error).toMatchObject({ code: 'upstream_unreachable' });
    expect(error.message).toContain('DEPTH_ZERO_SELF_SIGNED_CERT');
    expect(wasNotSent(error)).toBe(true);
    expect(secure.seen.filter((it) => it.method === 'POST')).toEqual([]);
  });

  it('because its certificate is for another name', async () => {
    const own = createSender({ allowPrivate: ['wrong.test'] }, { ca: FAULTY_CA, resolve: async () => [LOOPBACK] });
    const url = new URL(`https://wrong.test:${secure.port}/`);
    const error = await failureOf(own.send({ method: 'GET', url, headers: {} }, { allowedHosts: new Set([url.host]) }));
    expect(error).toMatchObject({ code: 'upstream_unreachable' });
    expect(error.cause).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    expect(wasNotSent(error)).toBe(true);
    await own.close();
  });

  it('because it does not speak TLS', async () => {
    const error = await get(`https://127.0.0.1:${faulty.port}/`);
    expect(error).toMatchObject({ code: 'upstream_unreachable' });
    expect(wasNotSent(error)).toBe(true);
  });

  it('because the TLS handshake never ends', async () => {
    const mute = createServer();
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const address = mute.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const error = await get(`https://127.0.0.1:${port}/`, undefined, { timeouts: { connectMs: 50 } });
    expect(error).toMatchObject({ code: 'upstream_timeout', message: expect.stringContaining('connect timeout') });
    expect(wasNotSent(error)).toBe(true);
    mute.close();
  });

  it('in time; and then nothing is sent when it comes back', async () => {
    let answer = (_: (typeof LOOPBACK)[]): void => {};
    const slow: Resolve = () => new Promise((resolve) => (answer = resolve));
    const own = createSender({ allowPrivate: ['slow.test'] }, { resolve: slow });
    const url = new URL(`http://slow.test:${faulty.port}/echo`);
    const options = { allowedHosts: new Set([url.host]), timeouts: { connectMs: 30 } };
    const error = await failureOf(own.send({ method: 'POST', url, headers: {} }, options));
    expect(error).toMatchObject({ code: 'upstream_timeout' });
    expect(wasNotSent(error)).toBe(true);
    const before = faulty.connections.accepted;
    answer([LOOPBACK]);
    await expect.poll(() => faulty.connections.accepted).toBe(before + 1);
    await expect.poll(() => faulty.connections.open).toBeLessThanOrEqual(before);
    await ping(faulty.port);
    expect(faulty.seen).toEqual([]);
    await own.close();
  });

  it.each([
    ['/reset', 'upstream_unreachable'],
    ['/early-close', 'upstream_unreachable'],
    ['/cut-chunks', 'upstream_unreachable'],
    ['/raw/no%20http%20at%20all%0d%0a%0d%0a', 'upstream_invalid'],
    ['/headers/100000', 'response_too_large'],
  ])('after %s may have been reached', async (path, code) => {
    const error = await failureOf(to(path, { method: 'POST', body: 'x' }));
    expect(error).toMatchObject({ code, message: expect.stringContaining(faulty.host) });
    expect(error.cause).toBeInstanceOf(Error);
    expect(wasNotSent(error)).toBe(false);
    expect(faulty.seen).toHaveLength(1);
  });

  it('is no claim about errors from elsewhere', () => {
    for (const it of [new Error('x'), 'x', null, undefined, {}]) expect(wasNotSent(it)).toBe(false);
  });
});

const LOOPBACK = { address: '127.0.0.1', family: 4 };

/** Returns when the server has dealt with everything that was on its way before. */
function ping(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(resolve));
  });
}
