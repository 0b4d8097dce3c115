import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuthorization } from '../../../src/execute/authorization.ts';
import type { McpStage } from '../../mcp/httpstage.ts';
import { Browser, openAuthStage, plain, post, register, requestFor, signedIn } from './stage.ts';

let stage: McpStage;
let ada: { id: string; identifier: string; secret: string };
let client: string;

beforeAll(async () => {
  stage = await openAuthStage();
  ada = await stage.user(stage.acme, 'ada');
  client = await register(stage.url);
});
afterAll(() => stage.close());

describe('the pages', () => {
  it.each(['/sign-in', 'consent'])('of %s run nothing, stand in no frame and are kept nowhere', async (path) => {
    const browser = await signedIn(stage.url, ada);
    const { address } = await requestFor(stage.url, client);
    const { headers, text } = await browser.open(path === 'consent' ? address : path);
    const policy = headers.get('content-security-policy') ?? '';
    for (const rule of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"])
      expect(policy).toContain(rule);
    expect(policy).not.toContain('unsafe-inline');
    expect(headers.get('cache-control')).toBe('no-store');
    // A client that waits for the window it has opened finds it again.
    expect(headers.get('cross-origin-opener-policy')).toBe('unsafe-none');
    expect(text).not.toContain('<script');
    const allowed = path === 'consent' ? "form-action 'self' http://127.0.0.1:9" : "form-action 'self'";
    expect(policy.split('; ')).toContain(allowed);
  });

  it('set cookies for this host alone where it is reached by https', async () => {
    const secure = await openAuthStage({ more: () => ({ url: 'https://tieline.example' }) });
    try {
      const tenant = secure.acme;
      const { secret } = await secure.user(tenant, 'ada');
      const own = await register(secure.url);
      const { address } = await requestFor(secure.url, own);
      const page = await fetch(`${secure.url}/sign-in`);
      const [cookie = ''] = page.headers.getSetCookie();
      const token = /name="token" value="([^"]+)"/.exec(await page.text())?.[1] ?? '';
      const headers = { cookie: cookie.split(';')[0] ?? '' };
      const done = await post(`${secure.url}/sign-in`, { token, identifier: 'ada', secret }, headers);
      expect(done.status).toBe(200);
      const session = done.headers.getSetCookie().find((it) => it.startsWith('__Host-tieline='));
      const asked = await fetch(address, { redirect: 'manual', headers: { cookie: session?.split(';')[0] ?? '' } });
      expect(asked.headers.get('location')).toMatch(/^\/consent\//);
      const known = done.headers.getSetCookie().find((it) => it.startsWith('__Host-tieline_known='));
      for (const text of [cookie, session ?? '', known ?? '']) {
        expect(text).toMatch(/^__Host-/);
        for (const part of ['Path=/', 'HttpOnly', 'Secure', 'SameSite=Lax']) expect(text.split('; ')).toContain(part);
      }
      for (const text of asked.headers.getSetCookie()) {
        for (const part of ['secure', 'httponly', 'samesite=lax']) expect(text.split('; ')).toContain(part);
      }
    } finally {
      await secure.close();
    }
  });
});

describe('sign-in', () => {
  it('goes on to where the client wanted, and holds for the next one', async () => {
    const browser = new Browser(stage.url);
    const first = await browser.open((await requestFor(stage.url, client)).address);
    expect(first.url.pathname).toBe('/sign-in');
    const consent = await browser.submit(first, { identifier: 'ada', secret: ada.secret });
    expect(consent.url.pathname).toMatch(/^\/consent\//);
    const next = await browser.open((await requestFor(stage.url, client)).address);
    expect(next.url.pathname).toMatch(/^\/consent\//);
  });

  it.each([
    ['another secret', { identifier: 'ada', secret: 'sk-user-wrong' }],
    ['nobody', { identifier: 'nobody', secret: 'sk-user-wrong' }],
  ])('fails alike with %s', async (_, typed) => {
    const browser = new Browser(stage.url);
    const shown = await browser.submit(await browser.open('/sign-in'), typed);
    expect(shown.status).toBe(401);
    expect(plain(shown)).toContain('User and secret do not belong together');
    expect(shown.text).not.toContain('sk-user-wrong');
    expect(browser.cookies.headerFor(new URL(stage.url))).not.toMatch(/tieline=/);
  });

  it('asks for the organization where there are several, unless the link names it', async () => {
    const other = await openAuthStage();
    try {
      expect(plain(await new Browser(other.url).open('/sign-in'))).not.toContain('Organization');
      const tenant = await other.tenant('second');
      const eve = await other.user(tenant, 'eve');
      const browser = new Browser(other.url);
      const own = await register(other.url);
      const { address } = await requestFor(other.url, own, { organization: tenant.organization });
      const form = await browser.open(address);
      expect(form.text).toContain(`value="${tenant.organization}"`);
      const wrong = await browser.submit(form, {
        identifier: 'eve',
        secret: eve.secret,
        organization: other.acme.organization,
      });
      expect(wrong.status).toBe(401);
      const right = await browser.submit(form, { identifier: 'eve', secret: eve.secret });
      expect(plain(right)).toContain('as eve of second');
    } finally {
      await other.close();
    }
  });

  it.each([
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example',
    '/connect/../../evil',
    '/api/v1/me',
    'javascript:alert(1)',
  ])('leads nowhere else: %s', async (next) => {
    const browser = new Browser(stage.url);
    const form = await browser.open(`/sign-in?${new URLSearchParams({ next })}`);
    const shown = await browser.submit(form, { identifier: 'ada', secret: ada.secret });
    expect([shown.status, shown.url.origin, plain(shown).includes('You are signed in')]).toEqual([
      200,
      stage.url,
      true,
    ]);
  });

  it('takes no form from elsewhere, and no session that somebody else has chosen', async () => {
    const typed = { identifier: 'ada', secret: ada.secret };
    expect((await post(`${stage.url}/sign-in`, typed)).status).toBe(403);
    const browser = new Browser(stage.url);
    const form = await browser.open('/sign-in');
    const cookie = browser.cookies.headerFor(form.url);
    const token = /name="token" value="([^"]+)"/.exec(form.text)?.[1] ?? '';
    const crossSite = { cookie, 'sec-fetch-site': 'cross-site' };
    expect((await post(`${stage.url}/sign-in`, { ...typed, token }, crossSite)).status).toBe(403);
    const fixed = { cookie: `${cookie}; tieline=chosen-by-somebody-else` };
    const { status, headers } = await post(`${stage.url}/sign-in`, { ...typed, token }, fixed);
    expect(status).toBe(200);
    expect(headers.getSetCookie().join()).not.toContain('chosen-by-somebody-else');
  });

  it('is over after twelve hours, and not before', async () => {
    const other = await openAuthStage();
    try {
      const browser = await signedIn(other.url, await other.user(other.acme, 'ada'));
      const { address } = await requestFor(other.url, await register(other.url));
      other.later(11.9 * 3_600_000);
      expect((await browser.open(address)).url.pathname).toMatch(/^\/consent\//);
      other.later(0.2 * 3_600_000);
      expect((await browser.open(address)).url.pathname).toBe('/sign-in');
    } finally {
      await other.close();
    }
  });
});

describe('a link for one user alone', () => {
  const link = async () => {
    const { id } = await createAuthorization(
      stage.keystore,
      { organization: stage.acme.organization, user: ada.id, connector: 'sample', input: {}, requires: 'session' },
      stage.engine.now(),
    );
    return `/connect/${id}`;
  };

  it('leads over the sign-in', async () => {
    const path = await link();
    const browser = new Browser(stage.url);
    const form = await browser.open(path);
    expect(form.url.pathname).toBe('/sign-in');
    const shown = await browser.submit(form, { identifier: 'ada', secret: ada.secret });
    expect([shown.status, shown.url.pathname]).toEqual([200, path]);
    expect(plain(shown)).toContain('ada');
  });

  it('is refused to another user', async () => {
    const browser = await signedIn(stage.url, await stage.user(stage.acme, 'eve'));
    const shown = await browser.open(await link());
    expect(shown.status).toBe(403);
    expect(plain(shown)).toContain('This link is for ada of acme, and you are signed in here as eve.');
    expect(plain(shown)).toContain(`sign out at ${stage.url}/sign-out and open the link again.`);
  });
});
