import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { McpStage } from '../../mcp/httpstage.ts';
import { Browser, openAuthStage, plain, post, register, requestFor, signedIn, tokensFor } from './stage.ts';

describe('consent', () => {
  let stage: McpStage;
  let ada: { id: string; identifier: string; secret: string };
  let browser: Browser;
  let client: string;

  beforeAll(async () => {
    stage = await openAuthStage();
    ada = await stage.user(stage.acme, 'ada');
    browser = await signedIn(stage.url, ada);
    client = await register(stage.url);
  });
  afterAll(() => stage.close());

  const ask = async (more: Record<string, string> = {}, id = client) =>
    browser.open((await requestFor(stage.url, id, more)).address);
  const tokenIn = (text: string): string => /name="token" value="([^"]+)"/.exec(text)?.[1] ?? '';

  it('is asked for each client, with its name, its scopes and where it receives', async () => {
    await tokensFor(stage.url, browser, client);
    const other = await register(stage.url, { client_name: 'Other', redirect_uris: ['https://other.example/cb'] });
    const shown = await ask({ redirect_uri: 'https://other.example/cb', scope: 'read manage' }, other);
    expect(shown.url.pathname).toMatch(/^\/consent\//);
    const text = plain(shown);
    for (const part of ['Allow Other?', 'as ada of acme', 'Look things up', 'Manage your accounts', 'other.example']) {
      expect(text).toContain(part);
    }
    expect(text).not.toContain('Create, change and delete things');
    expect(text).toContain('nobody has checked its name');
    expect(shown.text).toContain('class="alert"');
  });

  it('is asked again for a client that was allowed before', async () => {
    await tokensFor(stage.url, browser, client);
    expect((await ask()).url.pathname).toMatch(/^\/consent\//);
  });

  it('shows what a client calls itself as text', async () => {
    const id = await register(stage.url, { client_name: '<script>alert(1)</script>' });
    const { text } = await ask({}, id);
    expect(text).not.toContain('<script>');
    expect(text).toContain('&lt;script&gt;');
  });

  it('warns of clients on this machine', async () => {
    expect(plain(await ask())).toContain('Access goes to a program on your computer');
    const id = await register(stage.url, { redirect_uris: ['cursor://app/cb'] });
    const shown = await ask({ redirect_uri: 'cursor://app/cb' }, id);
    expect(plain(shown)).toContain('Access goes to an app on your device');
    expect(shown.headers.get('content-security-policy')).toContain("form-action 'self' cursor:");
  });

  it('is taken only from the page that was shown', async () => {
    const shown = await ask();
    const cookie = browser.cookies.headerFor(shown.url);
    const send = (form: Record<string, string>, headers: Record<string, string> = { cookie }) =>
      post(shown.url.href, { decision: 'allow', ...form }, headers);
    const token = tokenIn(shown.text);
    const another = tokenIn((await ask()).text);
    const crossSite = { cookie, 'sec-fetch-site': 'cross-site' };
    for (const answered of [await send({}), await send({ token: another }), await send({ token }, crossSite)]) {
      expect([answered.status, answered.headers.get('location')]).toEqual([403, null]);
    }
    const back = await browser.submit(shown, { decision: 'allow' });
    expect(back.url.searchParams.has('code')).toBe(true);
  });

  it('is neither shown in another browser nor taken from it', async () => {
    const shown = await ask();
    const others = await signedIn(stage.url, await stage.user(stage.acme, 'eve'));
    expect((await others.open(shown.url)).status).toBe(400);
    expect((await others.submit(shown, { decision: 'allow' })).status).toBe(400);
    // Nor is the cookie of one request good for another.
    const another = (await ask()).url;
    const cookie = browser.cookies.headerFor(another);
    expect((await fetch(shown.url, { headers: { cookie } })).status).toBe(404);
  });

  it('is that of the user who was shown it', async () => {
    const own = await signedIn(stage.url, ada);
    const shown = await own.open((await requestFor(stage.url, client)).address);
    const eve = await stage.user(stage.acme, 'mallory');
    await own.submit(await own.open('/sign-in'), { identifier: 'mallory', secret: eve.secret });
    const sent = await own.submit(shown, { decision: 'allow' });
    expect([sent.status, sent.url.origin]).toEqual([403, stage.url]);
    const again = await own.open(shown.url);
    expect(plain(again)).toContain('as mallory of acme');
  });

  it('is answered once', async () => {
    const shown = await ask();
    await browser.submit(shown, { decision: 'allow' });
    expect((await browser.submit(shown, { decision: 'allow' })).status).toBe(400);
  });

  it('asks who is there when the client wants that', async () => {
    // A request says only the second in which it was made, and a sign-in of that second would do.
    await sleep(1_100);
    const shown = await ask({ prompt: 'login' });
    expect(shown.url.pathname).toBe('/sign-in');
    stage.later(1_000);
    const next = await browser.submit(shown, { identifier: 'ada', secret: ada.secret });
    expect(next.url.pathname).toMatch(/^\/consent\//);
  });

  it('tells a person what is wrong without sending them on', async () => {
    const shown = await new Browser(stage.url).open('/consent/unknown');
    expect([shown.status, plain(shown).includes('This sign-in cannot go on')]).toEqual([400, true]);
  });
});
