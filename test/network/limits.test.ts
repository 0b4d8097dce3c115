import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSender, type HttpRequest, type Sender, type SendOptions, wasNotSent } from '../../src/network/send.ts';
import { type Faulty, startFaulty } from '../provider/faulty.ts';

let faulty: Faulty;
let sender: Sender;

beforeAll(async () => {
  faulty = await startFaulty();
  sender = createSender({ allowPrivate: ['127.0.0.1'] });
});

afterAll(async () => {
  await sender.close();
  await faulty.close();
});

function to(path: string, options: Partial<SendOptions> = {}, request: Partial<HttpRequest> = {}) {
  const url = new URL(path, faulty.origin);
  return sender.send(
    { method: 'GET', url, headers: {}, ...request },
    { allowedHosts: new Set([url.host]), ...options },
  );
}

const MIB = 1024 * 1024;

describe('the size of an answer', () => {
  it.each([
    ['announced', '/json/10000000', {}],
    ['chunked without end', '/endless', {}],
    ['compressed', '/bomb/gzip', {}],
    ['compressed twice', '/bomb/gzip,gzip', {}],
    ['compressed with brotli', '/bomb/br', {}],
    ['compressed, larger than the cap on the wire already', '/bomb/gzip', { maxBytes: 50_000 }],
    ['one byte over', '/json/1001', { maxBytes: 1000 }],
  ])('%s is cut at the cap', async (_, path, options) => {
    const error = await to(path, options).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'response_too_large', hint: expect.any(String) });
    expect(error.message).toContain(faulty.host);
    expect(wasNotSent(error)).toBe(false);
    await expect.poll(() => faulty.seen.length).toBeGreaterThan(0);
  });

  it('just at the cap is fine', async () => {
    expect((await to('/json/1000', { maxBytes: 1000 })).bytes.length).toBe(1000);
    expect((await to('/json/10000000', { maxBytes: 10_000_000 })).bytes.length).toBe(10_000_000);
  });

  it('counts nothing for HEAD, which only announces it', async () => {
    const { headers } = await to('/json/10000000', { maxBytes: 10 }, { method: 'HEAD' });
    expect(headers['content-length']).toBe('10000000');
  });

  it.each(['/bomb/gzip', '/endless'])('%s takes less than 50 MB of memory', async (path) => {
    await to(path).catch(() => {}); // what is allocated once
    const before = process.memoryUsage().rss;
    let most = before;
    const sampler = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss);
    }, 2);
    for (let i = 0; i < 3; i += 1) await to(path).catch(() => {});
    clearInterval(sampler);
    expect(most - before).toBeLessThan(50 * MIB);
  });

  it('over the cap ends the connection', async () => {
    await expect(to('/endless')).rejects.toMatchObject({ code: 'response_too_large' });
    await sender.close();
    sender = createSender({ allowPrivate: ['127.0.0.1'] });
    await expect.poll(() => faulty.connections.open).toBe(0);
  });
});

describe('the time of an answer', () => {
  it.each([
    ['silence', '/silent', { headersMs: 60 }, 'headers'],
    ['an interim answer', '/interim', { headersMs: 60 }, 'headers'],
    ['headers byte by byte', '/slow-headers', { headersMs: 60 }, 'headers'],
    ['a body that stops', '/drip/100000', { bodyMs: 60 }, 'body'],
    ['a body byte by byte', '/drip/10', { bodyMs: 1_000, totalMs: 100 }, 'total'],
  ])('%s', async (_, path, timeouts, phase) => {
    const error = await to(path, { timeouts }).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'upstream_timeout', message: expect.stringContaining(`(${phase} timeout)`) });
    expect(error.message).toContain(faulty.host);
    expect(wasNotSent(error)).toBe(false);
  });

  it('is one for all redirects', async () => {
    const to2 = `/redirect/302?to=${encodeURIComponent('/silent')}`;
    await expect(to(to2, { timeouts: { totalMs: 80 } })).rejects.toMatchObject({
      code: 'upstream_timeout',
      message: expect.stringContaining('(total timeout)'),
    });
  });

  it('starts anew with each piece of the body', async () => {
    const sent = to('/drip/40', { maxBytes: 10, timeouts: { bodyMs: 400 } });
    await expect(sent).rejects.toMatchObject({ code: 'response_too_large' });
  });
});

describe('a canceled call', () => {
  it('sends nothing when it was canceled before', async () => {
    const seen = faulty.seen.length;
    const reason = new Error('gone');
    const error = await to('/echo', { signal: AbortSignal.abort(reason) }).catch((it) => it);
    expect(error).toMatchObject({ code: 'canceled', cause: reason });
    expect(wasNotSent(error)).toBe(true);
    expect(faulty.seen.length).toBe(seen);
  });

  it.each(['/silent', '/drip/5', '/slow-headers', '/endless'])('during %s ends its connection', async (path) => {
    const own = createSender({ allowPrivate: ['127.0.0.1'] });
    const abort = new AbortController();
    const url = new URL(path, faulty.origin);
    const seen = faulty.seen.length;
    const options = { allowedHosts: new Set([url.host]), signal: abort.signal, maxBytes: Number.MAX_SAFE_INTEGER };
    const open = faulty.connections.open;
    const sent = own.send({ method: 'GET', url, headers: {} }, options).catch((it) => it);
    await expect.poll(() => faulty.seen.length, { interval: 2 }).toBe(seen + 1);
    await new Promise((resolve) => setTimeout(resolve, 10));
    abort.abort();
    const error = await sent;
    expect(error).toMatchObject({ code: 'canceled' });
    expect(wasNotSent(error)).toBe(false);
    await expect.poll(() => faulty.connections.open, { interval: 2 }).toBeLessThanOrEqual(open);
    await own.close();
  });

  it('fails when the sender is closed', async () => {
    const own = createSender({ allowPrivate: ['127.0.0.1'] });
    const url = new URL('/silent', faulty.origin);
    const seen = faulty.seen.length;
    const sent = own
      .send({ method: 'POST', url, headers: {} }, { allowedHosts: new Set([url.host]) })
      .catch((it) => it);
    await expect.poll(() => faulty.seen.length, { interval: 2 }).toBe(seen + 1);
    await own.close();
    const error = await sent;
    expect(error).toMatchObject({ code: 'upstream_unreachable' });
    expect(wasNotSent(error)).toBe(false);
  });
});

describe('a long compressed answer', () => {
  const longestTick = async (work: Promise<unknown>): Promise<number> => {
    const delay = monitorEventLoopDelay({ resolution: 2 });
    delay.enable();
    await work;
    delay.disable();
    return delay.max / 1e6;
  };

  it('is decompressed off the event loop, and off the threads on which files are read', async () => {
    const provider = await startFaulty();
    const own = createSender({ allowPrivate: ['127.0.0.1'] });
    const get = (path: string) => {
      const url = new URL(path, provider.origin);
      return own.send({ method: 'GET', url, headers: {} }, { allowedHosts: new Set([url.host]), maxBytes: 64 * MIB });
    };
    await get('/bomb/br'); // starts the thread
    // 50 MB each: in one piece each of them would hold the loop for longer than all together may.
    const alone = performance.now();
    const { bytes } = await get('/bomb/br');
    const oneMs = performance.now() - alone;
    expect(bytes.length).toBeGreaterThan(40 * MIB);
    const ms = await longestTick(Promise.all(Array.from({ length: 4 }, () => get('/bomb/br'))));
    expect(ms).toBeLessThan(Math.max(50, oneMs * 2));
    await Promise.all([own.close(), provider.close()]);
  });
});

describe('requests to one host', () => {
  it('are so many at once; the others wait, and those to other hosts do not', async () => {
    const [slow, quick] = await Promise.all([startFaulty(), startFaulty()]);
    const own = createSender({ allowPrivate: ['127.0.0.1'] }, { requestsPerHost: 3 });
    const get = (origin: string, path: string) => {
      const url = new URL(path, origin);
      return own.send(
        { method: 'GET', url, headers: {} },
        { allowedHosts: new Set([url.host]), timeouts: { totalMs: 2_000 } },
      );
    };
    const waiting = Array.from({ length: 9 }, () => get(slow.origin, '/silent').catch((it) => it.code));
    await expect.poll(() => slow.seen.length).toBe(3);
    expect((await get(quick.origin, '/echo')).status).toBe(200);
    expect(slow.seen).toHaveLength(3);
    const codes = await Promise.all(waiting);
    expect(codes.filter((it) => it === 'upstream_timeout').length).toBeGreaterThanOrEqual(3);
    expect(new Set(codes)).toEqual(new Set(['upstream_timeout', 'too_many_requests']));
    await Promise.all([own.close(), slow.close(), quick.close()]);
  });
});

it('more long answers at once than memory is meant for come one after the other, and whole', async () => {
  const provider = await startFaulty();
  const own = createSender({ allowPrivate: ['127.0.0.1'] });
  const url = new URL('/json/7500000', provider.origin);
  // Of 256 MiB each takes 100, as it may become that long.
  const get = () =>
    own.send({ method: 'GET', url, headers: {} }, { allowedHosts: new Set([url.host]), maxBytes: 100 * MIB });
  const chunked = () =>
    own.send(
      { method: 'GET', url: new URL('/bomb/br', provider.origin), headers: {} },
      { allowedHosts: new Set([url.host]), maxBytes: 100 * MIB },
    );
  const answers = await Promise.all([...Array.from({ length: 8 }, get), chunked(), chunked(), chunked(), chunked()]);
  expect(answers.slice(0, 8).map((it) => it.bytes.length)).toEqual(new Array(8).fill(7_500_000));
  await Promise.all([own.close(), provider.close()]);
});
