import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuthorization } from '../../../src/execute/authorization.ts';
import type { McpStage } from '../../mcp/httpstage.ts';
import { Browser, openAuthStage, plain, post, register, requestFor, signedIn, tokensFor } from './stage.ts';

let stage: McpStage;
let ada: { id: string; identifier: string; secret: string; token: string };
let client: string;

beforeAll(async () => {
  stage = await openAuthStage();
  ada = await stage.user(stage.acme, 'ada');
  client = await register(stage.url);
});
afterAll(() => stage.close());

const cookieOf = (browser: Browser): string => browser.cookies.headerFor(new URL(stage.url));
/** Where a browser with these cookies gets to that is sent to sign a client in. */
const arrivesAt = async (browser: Browser): Promise<string> =>
  (await browser.open((await requestFor(stage.url, client)).address)).url.pathname;

describe('sign-out', () => {
  it('ends the session in the browser and on the server', async () => {
    const browser = await signedIn(stage.url, ada);
    const copied = cookieOf(browser);
    expect(copied).toMatch(/(?:^|; )tieline=/);
    expect(await arrivesAt(browser)).toMatch(/^\/consent\//);
    const page = await browser.open('/sign-out');
    expect(plain(page)).toContain('You are signed in as ada');
    const done = await browser.submit(page, {});
    expect(plain(done)).toContain('You are signed out');
    expect(cookieOf(browser)).not.toMatch(/(?:^|; )tieline=/);
    expect(await arrivesAt(browser)).toBe('/sign-in');
    const thief = new Browser(stage.url);
    thief.cookies.keep(
      new URL(stage.url),
      copied.split('; ').map((it) => `${it}; Path=/`),
    );
    expect(cookieOf(thief)).toBe(copied);
    expect(await arrivesAt(thief)).toBe('/sign-in');
  });

  it('is for this browser, and ends no grant', async () => {
    const [one, two] = [await signedIn(stage.url, ada), await signedIn(stage.url, ada)];
    const { body } = await tokensFor(stage.url, one, client);
    await one.submit(await one.open('/sign-out'), {});
    expect(await arrivesAt(two)).toMatch(/^\/consent\//);
    const { status } = await post(`${stage.url}/token`, {
      grant_type: 'refresh_token',
      client_id: client,
      refresh_token: body.refresh_token,
    });
    expect(status).toBe(200);
  });

  it.each([
    ['without what the page has', {}, {}],
    ['with the mark of another page', { token: 'A'.repeat(43) }, {}],
    ['from another site', undefined, { 'sec-fetch-site': 'cross-site' }],
  ])('is not done by a form %s', async (_, form, headers) => {
    const browser = await signedIn(stage.url, ada);
    const { text } = await browser.open('/sign-out');
    const token = /name="token" value="([^"]+)"/.exec(text)?.[1] ?? '';
    const sent = await post(`${stage.url}/sign-out`, form ?? { token }, { cookie: cookieOf(browser), ...headers });
    expect(sent.status).toBe(403);
    expect(sent.headers.getSetCookie()).toEqual([]);
    expect(await arrivesAt(browser)).toMatch(/^\/consent\//);
  });

  it('is done by no address alone', async () => {
    const browser = await signedIn(stage.url, ada);
    await browser.open('/sign-out?token=x');
    expect(await arrivesAt(browser)).toMatch(/^\/consent\//);
  });

  it('tells nobody who is not signed in anything', async () => {
    const page = await new Browser(stage.url).open('/sign-out');
    expect(page.status).toBe(200);
    expect(page.text).toContain(`href="${stage.url}/sign-in"`);
    expect(page.text).not.toContain('ada');
  });

  it('is a link on the pages that say who is signed in', async () => {
    const browser = await signedIn(stage.url, ada);
    const { id } = await createAuthorization(
      stage.keystore,
      { organization: stage.acme.organization, user: ada.id, connector: 'sample', input: {}, requires: 'session' },
      Date.now(),
    );
    const { address } = await requestFor(stage.url, client);
    for (const place of [address, `/connect/${id}`]) {
      expect((await browser.open(place)).text).toContain(`href="${stage.url}/sign-out"`);
    }
    const fresh = new Browser(stage.url);
    const done = await fresh.submit(await fresh.open('/sign-in'), { identifier: 'ada', secret: ada.secret });
    expect(done.text).toContain(`href="${stage.url}/sign-out"`);
  });
});
