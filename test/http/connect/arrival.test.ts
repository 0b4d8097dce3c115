import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { signIn } from '../../../src/sandbox/person.ts';
import { openBrowser, type Shown } from './browser.ts';
import { begin, openSignInStage, RETURN, type SignInStage, signedIn, text } from './signinstage.ts';

let links: SignInStage;

beforeAll(async () => {
  links = await openSignInStage();
});
afterAll(() => links.close());
beforeEach(() => links.nextCustomer());

describe('nothing is stored, and the answer is a page, when', () => {
  const none = async () => expect(await links.accounts()).toEqual([]);

  it('the link is unknown or expired', async () => {
    const browser = openBrowser();
    expect((await browser.open(`${links.stage.url}/connect/${'a'.repeat(43)}`)).status).toBe(404);
    const old = await links.initiate();
    const page = await browser.open(old.consent_url);
    links.stage.later(24 * 60 * 60_000);
    expect((await browser.submit(page)).status).toBe(404);
    expect((await browser.open(old.consent_url)).html).toContain('This link has expired.');
    expect(await links.statusOf(old)).toEqual({ status: 'expired' });
    await none();
  });

  it.each([
    ['deleted', (id: string) => links.stage.request('DELETE', `/users/${id}`, { as: links.acme })],
    [
      'disabled',
      (id: string) => links.stage.request('PATCH', `/users/${id}`, { as: links.acme, body: { disabled: true } }),
    ],
  ])('its user has been %s', async (_, end) => {
    const browser = openBrowser();
    const link = await links.initiate();
    const page = await browser.open(link.consent_url);
    const callback = await signedIn(link, browser);
    const { body } = await links.stage.request('GET', `/users?identifier=${links.customer}`, { as: links.acme });
    await end(body.data[0].id);
    const answers = [await browser.open(link.consent_url), await browser.submit(page), await browser.open(callback)];
    expect(answers.map((it) => it.status)).toEqual([404, 404, 404]);
    expect(await links.statusOf(link)).toEqual({ status: 'pending' });
  });

  it('another tenant asks for an authorization: as for one that never was', async () => {
    const link = await links.initiate();
    const answers = [];
    for (const id of [link.authorization_id, 'b'.repeat(43)]) {
      const { status, body } = await links.stage.request('GET', `/authorizations/${id}`, { as: links.rival });
      answers.push([status, body.code, body.detail, body.hint]);
    }
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]?.[0]).toBe(404);
  });

  it.each([
    ['unknown', (url: URL) => url.searchParams.set('state', 'x'.repeat(43))],
    ['missing', (url: URL) => url.searchParams.delete('state')],
    ['at the path of another connector', (url: URL) => Object.assign(url, { pathname: '/callback/gmail' })],
  ])('the state is %s', async (_, forge) => {
    const link = await links.initiate();
    const browser = openBrowser();
    const url = new URL(await signedIn(link, browser));
    forge(url);
    expect((await browser.open(url.href)).status).toBe(400);
    await none();
    expect(await links.statusOf(link)).toEqual({ status: 'pending' });
  });

  it('the state is more than ten minutes old', async () => {
    const browser = openBrowser();
    const callback = await signedIn(await links.initiate(), browser);
    links.stage.later(10 * 60_000 + 1_000);
    expect((await browser.open(callback)).status).toBe(400);
    await none();
  });

  it('the state has been used', async () => {
    const browser = openBrowser();
    const callback = await signedIn(await links.initiate(), browser);
    expect((await browser.open(callback)).status).toBe(303);
    expect((await browser.open(callback)).status).toBe(400);
    expect(await links.accounts()).toHaveLength(1);
  });

  it('the issuer in the callback is another (mix-up)', async () => {
    const browser = openBrowser();
    const url = new URL(await signedIn(await links.initiate(), browser));
    url.searchParams.set('iss', 'https://evil.example');
    expect((await browser.open(url.href)).location).toBe(`${RETURN}&error=authorization_failed`);
    await none();
  });

  it('the code is that of another sign-in, whose verifier is another', async () => {
    const browser = openBrowser();
    const [one, two] = [
      new URL(await signedIn(await links.initiate(), browser)),
      new URL(await signedIn(await links.initiate(), browser)),
    ];
    one.searchParams.set('code', two.searchParams.get('code') ?? '');
    expect((await browser.open(one.href)).location).toBe(`${RETURN}&error=authorization_failed`);
    await none();
  });

  it('another browser than the one that began comes back, or goes on with the link', async () => {
    const link = await links.initiate();
    const [alice, bob] = [openBrowser(), openBrowser()];
    const opened = await bob.open(link.consent_url);
    const callback = await signIn(await begin(link, alice), 'ada');
    for (const browser of [bob, openBrowser()]) {
      const refused = await browser.open(callback);
      expect([refused.status, text(refused)]).toEqual([403, expect.stringContaining('begun in another browser')]);
    }
    expect((await bob.submit(opened)).status).toBe(403);
    expect((await bob.open(link.consent_url)).status).toBe(403);
    await none();
    expect((await alice.open(callback)).status).toBe(303);
    expect(await links.accounts()).toHaveLength(1);
  });

  it('a form comes from elsewhere, without its token, or with that of another link', async () => {
    const [link, other] = [await links.initiate(), await links.initiate()];
    const browser = openBrowser();
    const page = await browser.open(link.consent_url);
    const { token = '' } = hiddenOf(page);
    const { token: foreign = '' } = hiddenOf(await browser.open(other.consent_url));
    const form = { option: 'oauth', decision: 'continue' };
    for (const [fields, headers] of [
      [{ ...form, token }, { 'sec-fetch-site': 'cross-site' }],
      [{ ...form, token }, { 'sec-fetch-site': 'same-site' }],
      [form, {}],
      [{ ...form, token: foreign }, {}],
      [{ ...form, token: '' }, {}],
    ] as const) {
      expect((await browser.post(link.consent_url, fields, headers)).status).toBe(403);
    }
    expect((await openBrowser().post(link.consent_url, { ...form, token })).status).toBe(403);
    await none();
  });
});

const hiddenOf = (page: Shown) =>
  Object.fromEntries([...page.html.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)].map(([, a, b]) => [a, b]));

describe('of those that come at one time', () => {
  afterEach(() => links.slow(0));

  it('with one state, one wins', async () => {
    const browser = openBrowser();
    const callback = await signedIn(await links.initiate(), browser);
    links.slow(30);
    const answers = await Promise.all(Array.from({ length: 5 }, () => browser.open(callback)));
    expect(answers.map((it) => it.status).sort()).toEqual([303, 400, 400, 400, 400]);
    expect(await links.accounts()).toHaveLength(1);
  });

  it('with one link, one wins', async () => {
    const link = await links.initiate();
    const browser = openBrowser();
    const page = await browser.open(link.consent_url);
    const ways = [];
    for (const person of ['ada', 'grace']) {
      const begun = await browser.submit(page);
      ways.push(await signIn(begun.location ?? '', person, { cookies: browser.cookies }));
    }
    links.slow(30);
    const answers = await Promise.all(ways.map((it) => browser.open(it)));
    expect(answers.map((it) => it.status).sort()).toEqual([303, 409]);
    expect(await links.accounts()).toHaveLength(1);
  });
});
