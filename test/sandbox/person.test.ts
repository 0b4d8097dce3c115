import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CookieJar } from '../../src/sandbox/cookies.ts';
import { signIn } from '../../src/sandbox/person.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { meStatus, oauthClient, REDIRECT_URI } from './client.ts';

const ODD = { id: 'o\'neil "&<b>', name: '<script>alert(1)</script>', email: 'odd@sandbox.example' };

let sandbox: Sandbox;
let client: Awaited<ReturnType<typeof oauthClient>>;

beforeAll(async () => {
  sandbox = await startSandbox({ people: [{ id: 'ada', name: 'Ada', email: 'ada@sandbox.example' }, ODD] });
  client = await oauthClient(sandbox);
});
afterAll(() => sandbox.close());

describe('signIn', () => {
  it('returns the redirect without fetching it', async () => {
    // Nothing listens at the redirect URI, so a fetch would fail.
    const answer = new URL(await signIn(client.authorizationUrl('c'.repeat(43)).href, 'ada'));
    expect(`${answer.origin}${answer.pathname}`).toBe(REDIRECT_URI);
    expect(Object.fromEntries(answer.searchParams)).toEqual({
      code: expect.any(String),
      state: 'state-1',
      iss: `${sandbox.url}/oauth`,
    });
  });

  it('begins at a page that leads to the provider, and delivers with that page’s cookies when asked', async () => {
    const seen: string[] = [];
    const app = createServer((request, response) => {
      seen.push(`${request.url?.split('?')[0]} ${request.headers.cookie ?? ''}`);
      const { port } = app.address() as AddressInfo;
      const redirect_uri = `http://127.0.0.1:${port}/callback/sandbox`;
      if (request.url === '/connect') {
        const location = client.authorizationUrl('c'.repeat(43), { redirect_uri }).href;
        response.writeHead(302, { location, 'set-cookie': 'browser=b1; Path=/; HttpOnly' });
      }
      response.end();
    });
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = app.address() as AddressInfo;
      await signIn(`http://127.0.0.1:${port}/connect`, 'ada', { deliver: true });
      expect(seen).toEqual(['/connect ', '/callback/sandbox browser=b1']);
    } finally {
      app.close();
      app.closeAllConnections();
    }
  });

  it('presses the button of anybody on the page', async () => {
    const { access_token } = await client.link(ODD.id);
    expect(await meStatus(sandbox, access_token)).toBe(200);
  });

  it('links several accounts from one browser', async () => {
    const cookies = new CookieJar();
    const people = ['ada', ODD.id, 'ada'];
    for (const id of people) {
      const { access_token } = await client.link(id, { cookies });
      const me = await fetch(`${sandbox.url}/api/v1/me`, { headers: { authorization: `Bearer ${access_token}` } });
      expect(await me.json()).toMatchObject({ id });
    }
  });

  it('quotes the page when the person is not on it', async () => {
    const url = client.authorizationUrl('c'.repeat(43)).href;
    await expect(signIn(url, 'mallory')).rejects.toThrow(/no button for "mallory".*Choose who you are/);
  });

  it('quotes an error page', async () => {
    const url = client.authorizationUrl('c'.repeat(43), { client_id: 'unknown' }).href;
    await expect(signIn(url, 'ada')).rejects.toThrow(/invalid_client/);
  });
});

describe('the pages', () => {
  const open = async (url: string | URL, cookie = '') =>
    fetch(url, { headers: { accept: 'text/html', cookie }, redirect: 'manual' });

  it('show people and client as text, without script or frames', async () => {
    const started = await open(client.authorizationUrl('c'.repeat(43)));
    const url = new URL(String(started.headers.get('location')), sandbox.url);
    const jar = new CookieJar();
    jar.keep(new URL(`${sandbox.url}/oauth/authorize`), started.headers.getSetCookie());
    const chooser = await open(url, jar.headerFor(url));
    expect(chooser.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    const page = await chooser.text();
    expect(page).toContain('Choose who you are');
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(page).not.toContain('<script');
    const consent = await (await open(`${url}/consent?person=ada`, jar.headerFor(url))).text();
    for (const text of ['Allow Tieline?', '<b>Ada</b>', '<code>read</code>', '<code>write</code>', '127.0.0.1:49876']) {
      expect(consent).toContain(text);
    }
  });

  it.each(['', '/consent?person=ada'])('answer 400 without the cookie of this sign-in: %s', async (rest) => {
    const started = await open(client.authorizationUrl('c'.repeat(43)));
    const response = await open(new URL(`${started.headers.get('location')}${rest}`, sandbox.url));
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('has ended or was never begun');
  });
});

describe('CookieJar', () => {
  it.each([
    ['a=1; Path=/', 'http://h/x', 'http://h/y', 'a=1'],
    ['a=1; Path=/x', 'http://h/x', 'http://h/x/y', 'a=1'],
    ['a=1; Path=/x', 'http://h/x', 'http://h/xy', ''],
    ['a=1', 'http://h/x/y', 'http://h/x/z', 'a=1'],
    ['a=1', 'http://h/x/y', 'http://h/z', ''],
    ['a=1; Path=/', 'http://h/', 'http://other/', ''],
    ['a=b=c; path=/; HttpOnly', 'http://h/', 'http://h/', 'a=b=c'],
    ['a=1; Path=/; Max-Age=0', 'http://h/', 'http://h/', ''],
    ['a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT', 'http://h/', 'http://h/', ''],
  ])('%s from %s, then %s: "%s"', (line, from, to, expected) => {
    const jar = new CookieJar();
    jar.keep(new URL(from), [line]);
    expect(jar.headerFor(new URL(to))).toBe(expected);
  });

  it('deletes a cookie that ends', () => {
    const jar = new CookieJar();
    const url = new URL('http://h/');
    jar.keep(url, ['a=1; Path=/', 'b=2; Path=/']);
    jar.keep(url, ['a=; Path=/; Max-Age=0']);
    expect(jar.headerFor(url)).toBe('b=2');
  });
});
