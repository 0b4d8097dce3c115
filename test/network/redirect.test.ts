import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSender, type HttpRequest, type Sender, type SendOptions, wasNotSent } from '../../src/network/send.ts';
import { FAULTY_CA, type Faulty, startFaulty } from '../provider/faulty.ts';

let first: Faulty;
let second: Faulty;
let secure: Faulty;
let sender: Sender;

beforeAll(async () => {
  [first, second, secure] = await Promise.all([startFaulty(), startFaulty(), startFaulty({ tls: true })]);
  const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
  sender = createSender({ allowPrivate: ['127.0.0.1'] }, { ca: FAULTY_CA, resolve });
});

beforeEach(() => {
  for (const it of [first, second, secure]) it.seen.length = 0;
});

afterAll(async () => {
  await sender.close();
  await Promise.all([first.close(), second.close(), secure.close()]);
});

const CREDENTIALS = {
  Authorization: 'Bearer planted-secret',
  'X-Api-Key': 'planted-secret',
  'Private-Token': 'planted-secret',
  Cookie: 'session=planted-secret',
  'Proxy-Authorization': 'Basic planted-secret',
  'x-anything': 'planted-secret',
};

type Case = Partial<HttpRequest> & Partial<SendOptions> & { status?: number; from?: Faulty };

/** A request that `from` redirects to `to`. Only `from` is declared unless `allowedHosts` says more. */
function redirected(to: string, { status = 302, from = first, ...rest }: Case = {}) {
  const url = new URL(`/redirect/${status}?to=${encodeURIComponent(to)}`, from.origin);
  const { method = 'GET', headers = {}, body, ...options } = rest;
  const request = { method, url, headers, ...(body === undefined ? {} : { body }) };
  return sender.send(request, { allowedHosts: new Set([url.host]), ...options });
}

const both = () => new Set([first.host, second.host]);

describe('within the origin', () => {
  it.each([301, 302, 303, 307, 308])('%i is followed with all headers', async (status) => {
    const { url } = await redirected('/echo?page=2', { status, headers: CREDENTIALS });
    expect(url.href).toBe(`${first.origin}/echo?page=2`);
    expect(first.seen[1]?.headers).toMatchObject({
      authorization: 'Bearer planted-secret',
      'x-anything': 'planted-secret',
    });
  });

  it('HEAD is followed as HEAD', async () => {
    await redirected('/echo', { method: 'HEAD', status: 303 });
    expect(first.seen.map((it) => it.method)).toEqual(['HEAD', 'HEAD']);
  });

  it.each([
    [3, 'arrives'],
    [4, 'upstream_invalid'],
    [20, 'upstream_invalid'],
  ])('%i hops: %s', async (hops, outcome) => {
    const url = new URL(`/hops/${hops}`, first.origin);
    const sent = sender.send({ method: 'GET', url, headers: {} }, { allowedHosts: new Set([url.host]) });
    if (outcome === 'arrives') expect((await sent).status).toBe(200);
    else await expect(sent).rejects.toMatchObject({ code: outcome });
    expect(first.seen).toHaveLength(4);
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])('%s is not followed by default', async (method) => {
    expect((await redirected('/echo', { method, status: 307 })).status).toBe(307);
    expect(first.seen).toHaveLength(1);
  });

  it.each([
    [301, 'GET', ''],
    [302, 'GET', ''],
    [303, 'GET', ''],
    [307, 'POST', 'data'],
    [308, 'POST', 'data'],
  ])('a followed POST after %i is a %s', async (status, method, body) => {
    const headers = { 'content-type': 'text/plain', 'x-api-key': 'k' };
    await redirected('/echo', { method: 'POST', body: 'data', headers, status, followRedirects: true });
    expect(first.seen[1]).toMatchObject({ method, body, headers: { 'x-api-key': 'k' } });
    expect(first.seen[1]?.headers['content-type']).toBe(body === '' ? undefined : 'text/plain');
  });

  it.each([300, 304, 305])('%i is an answer', async (status) => {
    expect((await redirected('/echo', { status })).status).toBe(status);
  });

  it('a redirect is an answer when it is not to be followed, or leads nowhere', async () => {
    const answer = await redirected(`${second.origin}/echo`, { followRedirects: false });
    expect([answer.status, answer.headers.location]).toEqual([302, `${second.origin}/echo`]);
    expect(
      (
        await sender.send(
          { method: 'GET', url: new URL('/status/302', first.origin), headers: {} },
          { allowedHosts: both() },
        )
      ).status,
    ).toBe(302);
  });

  it('an address that is none is refused', async () => {
    await expect(redirected('http://[')).rejects.toMatchObject({ code: 'upstream_invalid' });
  });
});

describe('to another origin', () => {
  it.each([301, 302, 303, 307, 308])(
    '%i is refused by default, and the message names the host only',
    async (status) => {
      const sent = redirected(`${second.origin}/echo?token=planted-secret`, { status, allowedHosts: both() });
      const error = await sent.catch((reason) => reason);
      expect(error).toMatchObject({
        code: 'target_forbidden',
        message: `the provider redirected to another host, ${second.host}`,
      });
      expect(wasNotSent(error)).toBe(false);
      expect(second.seen).toEqual([]);
    },
  );

  it.each([301, 302, 303, 307, 308])('%i is followed on request, without credentials', async (status) => {
    const headers = { ...CREDENTIALS, Accept: 'text/csv', 'User-Agent': 'agent/1' };
    const { url } = await redirected(`${second.origin}/echo`, {
      status,
      headers,
      followRedirects: true,
      allowedHosts: both(),
    });
    expect(url.host).toBe(second.host);
    expect(JSON.stringify(second.seen)).not.toContain('planted-secret');
    expect(Object.keys(second.seen[0]?.headers ?? {}).sort()).toEqual([
      'accept',
      'accept-encoding',
      'connection',
      'host',
      'user-agent',
    ]);
  });

  it('does not get the credentials back by returning', async () => {
    const back = `${second.origin}/redirect/302?to=${encodeURIComponent(`${first.origin}/echo`)}`;
    await redirected(back, { headers: CREDENTIALS, followRedirects: true, allowedHosts: both() });
    expect(first.seen).toHaveLength(2);
    expect(JSON.stringify(first.seen[1])).not.toContain('planted-secret');
  });

  it.each(['POST', 'DELETE'])('never repeats a %s there', async (method) => {
    const sent = redirected(`${second.origin}/echo`, {
      method,
      status: 307,
      followRedirects: true,
      allowedHosts: both(),
    });
    await expect(sent).rejects.toMatchObject({ code: 'target_forbidden' });
    expect(second.seen).toEqual([]);
  });

  it('takes neither method nor body of a POST along', async () => {
    await redirected(`${second.origin}/echo`, {
      method: 'POST',
      body: 'client_secret=planted-secret',
      status: 303,
      followRedirects: true,
      allowedHosts: both(),
    });
    expect(second.seen[0]).toMatchObject({ method: 'GET', body: '' });
  });

  it.each([
    ['an undeclared host, though the operator opened it', () => `https://127.0.0.1:${secure.port}/echo`],
    ['an undeclared name that resolves to a private address', () => `https://other.test:${secure.port}/echo`],
    ['metadata', () => 'http://169.254.169.254/latest'],
    ['metadata over https', () => 'https://169.254.169.254/latest'],
    ['loopback in disguise', () => `https://2130706433:${secure.port}/echo`],
    ['plain http', () => `${second.origin}/echo`],
    ['a user name', () => `https://u:p@127.0.0.1:${secure.port}/echo`],
    ['a user name within the origin', () => `http://u:p@${first.host}/echo`],
    ['a file', () => 'file:///etc/passwd'],
  ])('%s is refused before it connects', async (_, to) => {
    const before = [secure.connections.accepted, second.connections.accepted];
    await expect(redirected(to(), { followRedirects: true })).rejects.toMatchObject({ code: 'target_forbidden' });
    expect([secure.connections.accepted, second.connections.accepted]).toEqual(before);
    expect(first.seen).toHaveLength(1);
  });

  it('over plain http is refused, whatever the operator opened for declared hosts', async () => {
    await expect(redirected(`${second.origin}/echo`, { followRedirects: true })).rejects.toMatchObject({
      message: `${second.host} may be reached over https only`,
    });
  });

  it('from https to http is refused even to a declared host', async () => {
    const sent = redirected(`${second.origin}/echo`, {
      from: secure,
      followRedirects: true,
      allowedHosts: new Set([secure.host, second.host]),
    });
    await expect(sent).rejects.toMatchObject({
      code: 'target_forbidden',
      message: 'the provider redirected from https to http',
    });
    expect(second.seen).toEqual([]);
  });
});
