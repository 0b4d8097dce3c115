import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { signIn } from '../../../src/sandbox/person.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { sandboxConnector } from '../../execute/stage.ts';
import { type HttpStage, openHttpStage, type Tenant } from '../stage.ts';
import { type Browser, openBrowser, type Shown } from './browser.ts';
import { slowKeystore } from './slowstore.ts';

const RETURN = 'https://app.example/linked?from=tieline&x=a%20b';

let sandbox: Sandbox;
let stage: HttpStage;
let slow: (ms: number) => void;
let acme: Tenant;
let rival: Tenant;
let customer = '';
let count = 0;

beforeAll(async () => {
  sandbox = await startSandbox();
  const { url, clientId, clientSecret } = sandbox;
  const store = await slowKeystore();
  slow = store.slow;
  stage = await openHttpStage({
    connectors: [await sandboxConnector()],
    app: { baseUrl: url, clientId, clientSecret },
    keystore: store.keystore,
  });
  [acme, rival] = [await stage.tenant('Acme & <b>Sons</b>'), await stage.tenant('rival')];
  for (const as of [acme, rival]) {
    await stage.request('PATCH', '/organization', { as, body: { redirect_urls: [RETURN] } });
  }
});
afterAll(async () => {
  await stage.close();
  await sandbox.close();
});
beforeEach(() => {
  customer = `user-${++count}`;
});

type Begun = { readonly consent_url: string; readonly authorization_id: string };

async function initiate(more: object = {}, as = acme): Promise<Begun> {
  const body = {
    customer_name: customer,
    connector_type: 'Sandbox',
    auth_option: 'oauth',
    redirect_url: RETURN,
    ...more,
  };
  const {
    status,
    body: begun,
    text,
  } = await stage.request('POST', '/integrations/connectors/oauth/initiate', { as, body });
  expect(status, text).toBe(201);
  return begun;
}

const statusOf = async ({ authorization_id: id }: Begun, as = acme) =>
  (await stage.request('GET', `/authorizations/${id}`, { as })).body;

const accounts = async (as = acme) => {
  const { body } = await stage.request('GET', `/integrations/connectors?customer_name=${customer}`, { as });
  return body.data ?? [];
};

/** The link opened and agreed to: where the provider asks. */
async function begin({ consent_url: link }: Begun, browser: Browser): Promise<string> {
  const begun = await browser.submit(await browser.open(link));
  expect(begun.status).toBe(303);
  return begun.location ?? '';
}

/** The same, signed in at the provider: where it sends the browser back to. */
const signedIn = async (link: Begun, browser: Browser, person = 'ada', decision: 'allow' | 'deny' = 'allow') =>
  signIn(await begin(link, browser), person, { decision, cookies: browser.cookies });

const text = ({ html }: Shown) =>
  html
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');

describe('a link', () => {
  it('tells who asks for what, and starts nothing before the person agrees', async () => {
    const link = await initiate();
    expect(link.consent_url).toBe(`${stage.url}/connect/${link.authorization_id}`);
    expect(link.authorization_id).toMatch(/^[\w-]{43}$/);
    const page = await openBrowser().open(link.consent_url);
    expect(page.status).toBe(200);
    expect(text(page)).toContain(
      `Acme &amp; &lt;b&gt;Sons&lt;/b&gt; asks to use your Sandbox account, for its user ${customer} .`,
    );
    for (const scope of ['openid', 'offline_access', 'read', 'write'])
      expect(page.html).toContain(`<code>${scope}</code>`);
    expect(page.html).not.toMatch(/state=|code_challenge|<script/);
    expect(page.headers.get('cache-control')).toBe('no-store');
    const policy = page.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("form-action 'self' https:");
    expect(policy).not.toContain('unsafe');
    const cookie = page.headers.get('set-cookie');
    expect(cookie).toMatch(/^tieline_connect_[0-9a-f]{16}=[\w-]{43}; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(await statusOf(link)).toEqual({ status: 'pending' });
  });

  it('ends with an account, and the browser back at the program', async () => {
    const link = await initiate({ name: 'work' });
    const browser = openBrowser();
    const asked = new URL(await begin(link, browser));
    expect(asked.searchParams.get('redirect_uri')).toBe(`${stage.url}/callback/sandbox`);
    expect(asked.searchParams.get('code_challenge_method')).toBe('S256');
    const landed = await browser.open(await signIn(asked.href, 'ada', { cookies: browser.cookies }));
    expect(landed.status).toBe(303);
    const [account] = await accounts();
    expect(account).toMatchObject({ identifier: 'work', account: 'ada@sandbox.example', status: 'active' });
    expect(landed.location).toBe(`${RETURN}&connector_id=${account.id}`);
    expect(await statusOf(link)).toEqual({ status: 'done', connector_id: account.id });
    const again = await browser.open(link.consent_url);
    expect(text(again)).toContain('Connected as ada@sandbox.example .');
    expect((await openBrowser().open(link.consent_url)).status).toBe(409);
    const call = { entity: 'profile', action: 'get' };
    const run = await stage.request('POST', `/integrations/connectors/${account.id}/execute`, { as: acme, body: call });
    expect(run.body.data.id).toBe('ada');
  });

  it('without an address to return to ends on a page that says who was connected', async () => {
    const link = await initiate({ redirect_url: undefined });
    const browser = openBrowser();
    const landed = await browser.open(await signedIn(link, browser));
    expect(landed.location).toBe(link.consent_url);
    const page = await browser.open(landed.location ?? '');
    expect(text(page)).toContain('Connected as ada@sandbox.example . You may close this window.');
    expect(page.html).not.toContain('http-equiv');
  });

  it('serves a user by their own token, and only for themselves', async () => {
    const { token } = await stage.user(acme, customer);
    const body = { connector_type: 'sandbox', auth_option: 'oauth' };
    const own = await stage.request('POST', '/integrations/connectors/oauth/initiate', { as: token, body });
    expect(own.status).toBe(201);
    const other = { ...body, customer_name: 'somebody' };
    const refused = await stage.request('POST', '/integrations/connectors/oauth/initiate', { as: token, body: other });
    expect(refused).toMatchObject({ status: 404, body: { code: 'user_unknown' } });
    const mallory = await stage.user(acme, `mallory-${count}`);
    const peek = await stage.request('GET', `/authorizations/${own.body.authorization_id}`, { as: mallory.token });
    expect(peek.status).toBe(404);
  });

  it('says to the program that the person said no, here or there', async () => {
    const [here, there] = [await initiate(), await initiate()];
    const browser = openBrowser();
    const ended = await browser.submit(await browser.open(here.consent_url), {}, 'cancel');
    expect(ended).toMatchObject({ status: 303, location: here.consent_url });
    expect((await browser.open(here.consent_url)).html).toContain(
      `${RETURN.replaceAll('&', '&amp;')}&amp;error=canceled`,
    );
    expect(await statusOf(here)).toEqual({ status: 'failed', error: 'canceled' });
    const landed = await browser.open(await signedIn(there, browser, 'ada', 'deny'));
    expect(landed.location).toBe(`${RETURN}&error=authorization_failed`);
    expect(await statusOf(there)).toEqual({ status: 'failed', error: 'authorization_failed' });
    expect(await accounts()).toEqual([]);
  });

  it('reconnects an account, as the same person only', async () => {
    const first = await initiate();
    const browser = openBrowser();
    await browser.open(await signedIn(first, browser));
    const [{ id }] = await accounts();
    const wrong = await initiate({ reconnect: id });
    const refused = await browser.open(await signedIn(wrong, browser, 'grace'));
    expect(refused.location).toBe(`${RETURN}&error=identity_mismatch`);
    await stage.request('PATCH', `/integrations/connectors/${id}`, { as: acme, body: { identifier: 'renamed' } });
    const right = await initiate({ reconnect: id });
    const landed = await browser.open(await signedIn(right, browser));
    expect(landed.location).toBe(`${RETURN}&connector_id=${id}`);
    expect(await accounts()).toMatchObject([{ id, identifier: 'renamed' }]);
  });
});

describe('initiate refuses', () => {
  const ask = (body: object, as = acme) =>
    stage.request('POST', '/integrations/connectors/oauth/initiate', {
      as,
      body: { customer_name: customer, connector_type: 'sandbox', ...body },
    });

  it.each([
    'https://app.example/linked',
    'https://app.example/linked?from=tieline&x=a%20b&y=1',
    'https://app.example/linked?from=tieline&x=a b',
    'https://app.example/linked?from=tieline&x=a%20b#part',
    'https://app.example/Linked?from=tieline&x=a%20b',
    'https://APP.example/linked?from=tieline&x=a%20b',
    'https://app.example/a/../linked?from=tieline&x=a%20b',
    'https://app.example.evil.example/linked?from=tieline&x=a%20b',
    'https://user@app.example/linked?from=tieline&x=a%20b',
    'https://app.example:443/linked?from=tieline&x=a%20b',
    'http://app.example/linked?from=tieline&x=a%20b',
    'http://localhost/callback',
    'javascript:alert(1)',
    '',
  ])('to return to %j', async (redirect_url) => {
    const refused = await ask({ redirect_url });
    expect(refused).toMatchObject({ status: 400, body: { code: 'arguments_invalid' } });
    expect(refused.body.hint).toContain('tieline organizations redirect <url>');
  });

  it.each([
    [{ connector_type: 'nothing' }, 404, 'connector_unknown'],
    [{ auth_option: 'nothing' }, 400, 'arguments_invalid'],
    [{ auth_option: 'key', credentials: { nothing: 1 } }, 400, 'arguments_invalid'],
    [{ auth_option: 'key', credentials: { base_url: 1 } }, 400, 'arguments_invalid'],
    [{ reconnect: 'nothing' }, 404, 'integration_unknown'],
    [{ name: '' }, 400, 'arguments_invalid'],
  ])('%j', async (body, status, code) => {
    expect(await ask(body)).toMatchObject({ status, body: { code } });
  });

  it('a name that is taken, and the integration of another tenant or user', async () => {
    const browser = openBrowser();
    await browser.open(await signedIn(await initiate({ name: 'work' }), browser));
    const [{ id }] = await accounts();
    expect(await ask({ name: 'work' })).toMatchObject({ status: 409, body: { code: 'integration_exists' } });
    const unknown = await ask({ reconnect: 'nothing' }, rival);
    const foreign = await ask({ reconnect: id }, rival);
    expect([foreign.status, foreign.body.code, foreign.body.hint]).toEqual([404, unknown.body.code, unknown.body.hint]);
    const other = await ask({ reconnect: id, customer_name: 'somebody' });
    expect(other).toMatchObject({ status: 404, body: { code: 'integration_unknown' } });
    expect((await ask({ reconnect: id, name: 'new' })).body.code).toBe('arguments_invalid');
  });

  it('says which redirect address the OAuth app needs where there is no app', async () => {
    const bare = await openHttpStage({ connectors: [await sandboxConnector()], app: { baseUrl: sandbox.url } });
    try {
      const as = await bare.tenant();
      const body = { customer_name: 'ada', connector_type: 'sandbox', auth_option: 'oauth' };
      const refused = await bare.request('POST', '/integrations/connectors/oauth/initiate', { as, body });
      expect(refused.body).toMatchObject({ code: 'config_invalid', detail: expect.stringContaining('clientId') });
      expect(refused.body.hint).toContain(`${bare.url}/callback/sandbox`);
      // What needs no app is still there to choose.
      const open = { customer_name: 'ada', connector_type: 'sandbox' };
      const link = await bare.request('POST', '/integrations/connectors/oauth/initiate', { as, body: open });
      const page = await openBrowser().open(link.body.consent_url);
      expect(page.html).toContain('?option=key');
      expect(page.html).not.toContain('?option=oauth');
    } finally {
      await bare.close();
    }
  });
});

describe('nothing is stored, and the answer is a page, when', () => {
  const none = async () => expect(await accounts()).toEqual([]);

  it('the link is unknown or expired', async () => {
    const browser = openBrowser();
    expect((await browser.open(`${stage.url}/connect/${'a'.repeat(43)}`)).status).toBe(404);
    const old = await initiate();
    const page = await browser.open(old.consent_url);
    stage.later(24 * 60 * 60_000);
    expect((await browser.submit(page)).status).toBe(404);
    expect((await browser.open(old.consent_url)).html).toContain('This link has expired.');
    expect(await statusOf(old)).toEqual({ status: 'expired' });
    await none();
  });

  it.each([
    ['deleted', (id: string) => stage.request('DELETE', `/users/${id}`, { as: acme })],
    ['disabled', (id: string) => stage.request('PATCH', `/users/${id}`, { as: acme, body: { disabled: true } })],
  ])('its user has been %s', async (_, end) => {
    const browser = openBrowser();
    const link = await initiate();
    const page = await browser.open(link.consent_url);
    const callback = await signedIn(link, browser);
    const { body } = await stage.request('GET', `/users?identifier=${customer}`, { as: acme });
    await end(body.data[0].id);
    const answers = [await browser.open(link.consent_url), await browser.submit(page), await browser.open(callback)];
    expect(answers.map((it) => it.status)).toEqual([404, 404, 404]);
    expect(await statusOf(link)).toEqual({ status: 'pending' });
  });

  it('another tenant asks for an authorization: as for one that never was', async () => {
    const link = await initiate();
    const answers = [];
    for (const id of [link.authorization_id, 'b'.repeat(43)]) {
      const { status, body } = await stage.request('GET', `/authorizations/${id}`, { as: rival });
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
    const link = await initiate();
    const browser = openBrowser();
    const url = new URL(await signedIn(link, browser));
    forge(url);
    expect((await browser.open(url.href)).status).toBe(400);
    await none();
    expect(await statusOf(link)).toEqual({ status: 'pending' });
  });

  it('the state is more than ten minutes old', async () => {
    const browser = openBrowser();
    const callback = await signedIn(await initiate(), browser);
    stage.later(10 * 60_000 + 1_000);
    expect((await browser.open(callback)).status).toBe(400);
    await none();
  });

  it('the state has been used', async () => {
    const browser = openBrowser();
    const callback = await signedIn(await initiate(), browser);
    expect((await browser.open(callback)).status).toBe(303);
    expect((await browser.open(callback)).status).toBe(400);
    expect(await accounts()).toHaveLength(1);
  });

  it('the issuer in the callback is another (mix-up)', async () => {
    const browser = openBrowser();
    const url = new URL(await signedIn(await initiate(), browser));
    url.searchParams.set('iss', 'https://evil.example');
    expect((await browser.open(url.href)).location).toBe(`${RETURN}&error=authorization_failed`);
    await none();
  });

  it('the code is that of another sign-in, whose verifier is another', async () => {
    const browser = openBrowser();
    const [one, two] = [
      new URL(await signedIn(await initiate(), browser)),
      new URL(await signedIn(await initiate(), browser)),
    ];
    one.searchParams.set('code', two.searchParams.get('code') ?? '');
    expect((await browser.open(one.href)).location).toBe(`${RETURN}&error=authorization_failed`);
    await none();
  });

  it('another browser than the one that began comes back, or goes on with the link', async () => {
    const link = await initiate();
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
    expect(await accounts()).toHaveLength(1);
  });

  it('a form comes from elsewhere, without its token, or with that of another link', async () => {
    const [link, other] = [await initiate(), await initiate()];
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
  afterEach(() => slow(0));

  it('with one state, one wins', async () => {
    const browser = openBrowser();
    const callback = await signedIn(await initiate(), browser);
    slow(30);
    const answers = await Promise.all(Array.from({ length: 5 }, () => browser.open(callback)));
    expect(answers.map((it) => it.status).sort()).toEqual([303, 400, 400, 400, 400]);
    expect(await accounts()).toHaveLength(1);
  });

  it('with one link, one wins', async () => {
    const link = await initiate();
    const browser = openBrowser();
    const page = await browser.open(link.consent_url);
    const ways = [];
    for (const person of ['ada', 'grace']) {
      const begun = await browser.submit(page);
      ways.push(await signIn(begun.location ?? '', person, { cookies: browser.cookies }));
    }
    slow(30);
    const answers = await Promise.all(ways.map((it) => browser.open(it)));
    expect(answers.map((it) => it.status).sort()).toEqual([303, 409]);
    expect(await accounts()).toHaveLength(1);
  });
});
