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
