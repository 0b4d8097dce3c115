import { Worker } from 'node:worker_threads';
import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';
import { TielineError } from '../errors.ts';
import type { HttpResponse } from './exchange.ts';

type Method = keyof typeof METHODS;

const METHODS = {
  gunzip: gunzipSync,
  inflate: inflateSync,
  inflateRaw: inflateRawSync,
  brotliDecompress: brotliDecompressSync,
};

const CODINGS: ReadonlyMap<string, (bytes: Uint8Array) => Method> = new Map<string, (bytes: Uint8Array) => Method>([
  ['gzip', () => 'gunzip'],
  ['x-gzip', () => 'gunzip'],
  // RFC 9110 8.4.1.2: some senders leave the zlib wrapper out. Its first byte names the method, 8.
  ['deflate', (bytes) => (((bytes[0] ?? 0) & 15) === 8 ? 'inflate' : 'inflateRaw')],
  ['br', () => 'brotliDecompress'],
]);
const MOST_CODINGS = 3;

/** What is not longer than this, a few milliseconds, is decompressed at once; the rest on a thread of its own. */
const AT_ONCE = 1024 * 1024;

/**
 * The bytes of an answer without their content codings. Never on the threads of libuv, on which files, the store and
 * names wait for their turn, and never for long on that of the event loop.
 */
export async function decode({ headers, bytes, url }: HttpResponse, maxBytes: number): Promise<Uint8Array> {
  const named = (headers['content-encoding'] ?? '').toLowerCase().split(',');
  const codings = named.map((it) => it.trim()).filter((it) => it !== '' && it !== 'identity');
  if (codings.length === 0 || bytes.length === 0) return bytes;
  if (codings.length > MOST_CODINGS) throw new TielineError('upstream_invalid', `${url.host} compressed too often`);
  let plain = bytes;
  for (const coding of codings.reverse()) {
    const method = CODINGS.get(coding)?.(plain);
    if (!method) throw new TielineError('upstream_invalid', `${url.host} used an unknown content coding`);
    try {
      plain = await decompress(method, plain, maxBytes);
    } catch (error) {
      if (isTooLarge(error)) throw tooLarge(url, maxBytes, error);
      throw new TielineError('upstream_invalid', `the answer of ${url.host} is damaged`, { cause: error });
    }
  }
  return plain;
}

export function tooLarge({ host }: URL, maxBytes: number, cause?: unknown): TielineError {
  const hint = 'Ask for less: fewer items, a shorter period or fewer fields.';
  return new TielineError('response_too_large', `${host} answered with more than ${maxBytes} bytes`, { hint, cause });
}

function decompress(method: Method, bytes: Uint8Array, maxBytes: number): Uint8Array | Promise<Uint8Array> {
  if (bytes.length > AT_ONCE) return elsewhere(method, bytes, maxBytes);
  try {
    return METHODS[method](bytes, { maxOutputLength: Math.min(maxBytes, AT_ONCE) });
  } catch (error) {
    if (isTooLarge(error) && maxBytes > AT_ONCE) return elsewhere(method, bytes, maxBytes);
    throw error;
  }
}

const TOO_LARGE = 'ERR_BUFFER_TOO_LARGE';

const isTooLarge = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === TOO_LARGE;

type Job = { readonly resolve: (bytes: Uint8Array) => void; readonly reject: (error: Error) => void };
type Done = { readonly id: number } & ({ readonly bytes: Uint8Array } | { readonly code: string });

/** Runs on the thread, in a package that is one bundle: hence a text. */
const THREAD = `
const { parentPort } = require('node:worker_threads');
const zlib = require('node:zlib');
parentPort.on('message', ({ id, method, bytes, maxOutputLength }) => {
  try {
    const plain = zlib[method + 'Sync'](bytes, { maxOutputLength });
    const own = plain.byteLength === plain.buffer.byteLength ? plain : new Uint8Array(plain);
    parentPort.postMessage({ id, bytes: own }, [own.buffer]);
  } catch (error) {
    parentPort.postMessage({ id, code: String(error.code) });
  }
});
`;

const jobs = new Map<number, Job>();
let last = 0;
let thread: Worker | undefined;

/** How many answers are bounded by the bytes that may be read at once. */
function elsewhere(method: Method, bytes: Uint8Array, maxOutputLength: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    thread ??= startThread();
    const id = ++last;
    jobs.set(id, { resolve, reject });
    thread.ref(); // only while somebody waits for it
    thread.postMessage({ id, method, bytes, maxOutputLength });
  });
}

function startThread(): Worker {
  const worker = new Worker(THREAD, { eval: true, name: 'decompression', env: {} });
  worker.unref();
  worker.on('message', (done: Done) => {
    const job = jobs.get(done.id);
    jobs.delete(done.id);
    if (jobs.size === 0) worker.unref();
    if ('bytes' in done) job?.resolve(done.bytes);
    else job?.reject(Object.assign(new Error('it cannot be decompressed'), { code: done.code }));
  });
  const end = (cause?: unknown): void => {
    if (thread === worker) thread = undefined;
    for (const { reject } of jobs.values()) reject(new Error('the thread for decompression ended', { cause }));
    jobs.clear();
  };
  worker.on('error', end);
  worker.on('exit', () => end());
  return worker;
}
