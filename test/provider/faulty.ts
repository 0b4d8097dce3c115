import { createPrivateKey, randomBytes } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';

/** What reached the provider, in order. */
export type Seen = { method: string; path: string; headers: IncomingHttpHeaders; body: string };

export type Faulty = {
  /** `http://127.0.0.1:<port>`, or `https://` with the certificate `FAULTY_CA`. */
  origin: string;
  /** `URL.host` of the origin. */
  host: string;
  port: number;
  seen: Seen[];
  /** TCP connections accepted, and those still open. */
  connections: { accepted: number; open: number };
  close(): Promise<void>;
};

/** A provider that misbehaves by path: `/status/503`, `/gzip-bomb`, `/hops/20` ... see SCENARIOS. */
export async function startFaulty(options: { tls?: boolean; address?: string } = {}): Promise<Faulty> {
  const { tls = false, address = '127.0.0.1' } = options;
  const seen: Seen[] = [];
  const tries = new Map<string, number>();
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://faulty');
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const call: Seen = {
      method: request.method ?? '',
      path: url.pathname + url.search,
      headers: request.headers,
      body: Buffer.concat(chunks).toString('latin1'),
    };
    seen.push(call);
    const tried = (tries.get(call.path) ?? 0) + 1;
    tries.set(call.path, tried);
    const [name = '', argument = ''] = url.pathname.slice(1).split('/');
    const scenario = SCENARIOS[name] ?? SCENARIOS.status;
    await scenario?.({ call, response, argument, query: url.searchParams, tried });
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    handle(request, response).catch(() => response.destroy()); // the client went away
  };
  const server = tls ? createTlsServer({ key: KEY, cert: FAULTY_CA }, listener) : createServer(listener);
  const connections = { accepted: 0, open: 0 };
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.accepted += 1;
    connections.open += 1;
    sockets.add(socket);
    socket.on('close', () => {
      connections.open -= 1;
      sockets.delete(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const { port } = server.address() as AddressInfo;
  const host = `127.0.0.1:${port}`;
  return {
    origin: `${tls ? 'https' : 'http'}://${host}`,
    host,
    port,
    seen,
    connections,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Scene = { call: Seen; response: ServerResponse; argument: string; query: URLSearchParams; tried: number };
type Scenario = (scene: Scene) => void | Promise<void>;

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  /** Answers with what it got. */
  echo: ({ call, response }) => json(response, 200, call),
  /** `/status/429?retry-after=7&x-anything=1`: that status, with the query as headers. */
  status: ({ response, argument, query }) => json(response, Number(argument) || 404, {}, Object.fromEntries(query)),
  /** `/flaky/503?times=2&retry-after=0`: fails that often per path, then answers 200. */
  flaky: ({ response, argument, query, tried }) => {
    const { times = '1', ...headers } = Object.fromEntries(query);
    json(response, tried <= Number(times) ? Number(argument) : 200, { tried }, headers);
  },
  /** `/redirect/307?to=<address>` */
  redirect: ({ response, argument, query }) => {
    response.writeHead(Number(argument), { location: query.get('to') ?? '' }).end('moved');
  },
  /** `/hops/20`: so many redirects, then 200. */
  hops: ({ response, argument }) => {
    const left = Number(argument);
    if (left === 0) return json(response, 200, { arrived: true });
    response.writeHead(302, { location: `/hops/${left - 1}` }).end();
  },
  /** `/json/10000000`: a JSON text of that many bytes. */
  json: ({ response, argument }) => {
    const frame = JSON.stringify({ text: '' }).length;
    json(response, 200, { text: 'x'.repeat(Number(argument) - frame) });
  },
  /** `/encoded/gzip`, also `gzip, br`, `raw-deflate`, `gzip-cut`, `zstd`, `gzip-liar`. */
  encoded: ({ response, argument }) => {
    const { coding, bytes } = ENCODED[decodeURIComponent(argument)] ?? ENCODED.zstd ?? unreachable();
    response.writeHead(200, { 'content-encoding': coding }).end(bytes);
  },
  /** 200 MB out of 200 kB: `/bomb/gzip`, and so twice compressed: `/bomb/gzip,gzip`. `/bomb/br` is 50 MB out of 50 bytes. */
  bomb: ({ response, argument }) => {
    response.writeHead(200, { 'content-encoding': argument });
    response.end(argument === 'br' ? brotliBomb() : argument === 'gzip' ? gzipBomb() : gzipSync(gzipBomb()));
  },
  /** Chunks without end, with no regard for a client that has had enough. */
  endless: async ({ response }) => {
    const chunk = randomBytes(64 * 1024);
    const forever = function* (): Generator<Buffer> {
      for (;;) yield chunk;
    };
    await pipeline(forever, response);
  },
  /** One header byte every 10 ms, for ever. */
  'slow-headers': async ({ response }) => {
    response.socket?.write('HTTP/1.1 200 OK\r\nx-slow: ');
    while (!response.destroyed && !response.socket?.destroyed) {
      response.socket?.write('a');
      await sleep(10);
    }
  },
  /** An interim answer, then nothing. */
  interim: ({ response }) => {
    response.writeEarlyHints({ link: '</a>; rel=preload' });
  },
  /** Never a byte. */
  silent: () => {},
  /** `/drip/20`: headers at once, then a byte every so many milliseconds, for ever. */
  drip: async ({ response, argument }) => {
    response.writeHead(200);
    while (!response.destroyed) {
      response.write('a');
      await sleep(Number(argument));
    }
  },
  /** TCP reset instead of an answer. */
  reset: ({ response }) => {
    response.socket?.resetAndDestroy();
  },
  /** Promises more than it sends. */
  'early-close': ({ response }) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('half');
    setTimeout(() => response.destroy(), 10);
  },
  /** Half a chunked body. */
  'cut-chunks': ({ response }) => {
    response.writeHead(200);
    response.write('half');
    setTimeout(() => response.destroy(), 10);
  },
  /** `/headers/100000`: so many bytes of headers. */
  headers: ({ response, argument }) => {
    response.socket?.end(`HTTP/1.1 200 OK\r\nx-large: ${'a'.repeat(Number(argument))}\r\n\r\n`);
  },
  /** The rest of the path as the whole answer: `/raw/<percent-encoded bytes>`. */
  raw: ({ response, argument }) => {
    response.socket?.end(decodeURIComponent(argument));
  },
};

function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  const text = status === 204 || status === 304 ? '' : JSON.stringify(body);
  const length = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  response.writeHead(status, { ...length, ...headers }).end(text);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function unreachable(): never {
  throw new Error('unreachable');
}

export const PLAIN = JSON.stringify({ text: 'plain '.repeat(50) });

const ENCODED: Readonly<Record<string, { coding: string; bytes: Buffer }>> = {
  identity: { coding: 'identity', bytes: Buffer.from(PLAIN) },
  gzip: { coding: 'gzip', bytes: gzipSync(PLAIN) },
  'x-gzip': { coding: 'X-GZip', bytes: gzipSync(PLAIN) },
  deflate: { coding: 'deflate', bytes: deflateSync(PLAIN) },
  'raw-deflate': { coding: 'deflate', bytes: deflateRawSync(PLAIN) },
  br: { coding: 'br', bytes: brotliCompressSync(PLAIN) },
  'gzip, br': { coding: 'gzip, br', bytes: brotliCompressSync(gzipSync(PLAIN)) },
  'gzip-cut': { coding: 'gzip', bytes: gzipSync(PLAIN).subarray(0, 30) },
  'gzip-liar': { coding: 'gzip', bytes: Buffer.from(PLAIN) },
  zstd: { coding: 'zstd', bytes: Buffer.from(PLAIN) },
  often: { coding: 'gzip, gzip, gzip, gzip', bytes: Buffer.from(PLAIN) },
};

const MEGABYTE = 1024 * 1024;

/** One run of deflate blocks of 10 MB, twenty times over: no final block and no checksum, which nobody may get to. */
function gzipBomb(): Buffer {
  const part = deflateRawSync(Buffer.alloc(10 * MEGABYTE), { finishFlush: constants.Z_FULL_FLUSH });
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
  return Buffer.concat([header, ...Array<Buffer>(20).fill(part)]);
}

function brotliBomb(): Buffer {
  return brotliCompressSync(Buffer.alloc(50 * MEGABYTE), { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
}

/** For localhost, provider.test, other.test and 127.0.0.1, until 2099. Its key is below and guards nothing. */
export const FAULTY_CA = `-----BEGIN CERTIFICATE-----
MIIBjDCCATGgAwIBAgIBATAKBggqhkjOPQQDAjAaMRgwFgYDVQQDDA9mYXVsdHkg
cHJvdmlkZXIwIBcNMjAwMTAxMDAwMDAwWhgPMjA5OTEyMzEwMDAwMDBaMBoxGDAW
BgNVBAMMD2ZhdWx0eSBwcm92aWRlcjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA
BCnb58Rp//7aSqvw3Yu27MXvz92V8u0lQtcMyW+Poun0fz/Xa89kXzn5QlpuOllC
EsVeVdQrQLemMruSs/S1xm6jZjBkMAwGA1UdEwQFMAMBAf8wNQYDVR0RBC4wLIIJ
bG9jYWxob3N0gg1wcm92aWRlci50ZXN0ggpvdGhlci50ZXN0hwR/AAABMB0GA1Ud
DgQWBBSvPtKSW0KEF9f+B1oqyQI2yNsgxzAKBggqhkjOPQQDAgNJADBGAiEAwLSl
pI3A/u+MFz9AT0e6Ftr1ceL5w3Vtjjj8/7TJ0fECIQCSZ2eNzOnpq6KCbeAmkwUX
1Hc12U/AJurq6xPOjnOcAg==
-----END CERTIFICATE-----
`;

const KEY = createPrivateKey({
  format: 'jwk',
  key: {
    kty: 'EC',
    crv: 'P-256',
    x: 'KdvnxGn__tpKq_Ddi7bsxe_P3ZXy7SVC1wzJb4-i6fQ',
    y: 'fz_Xa89kXzn5QlpuOllCEsVeVdQrQLemMruSs_S1xm4',
    d: 'QcQTZ5xJnv_TKvvunXGH-w65NJPMYkI_DQkbSLIbDMA',
  },
}).export({ type: 'pkcs8', format: 'pem' });
