import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { signIn } from '../../../src/sandbox/person.ts';
import { openBrowser } from './browser.ts';
import { begin, openSignInStage, RETURN, type SignInStage, signedIn, text } from './signinstage.ts';

let links: SignInStage;

beforeAll(async () => {
  links = await openSignInStage();
});
afterAll(() => links.close());
beforeEach(() => links.nextCustomer());

describe('a link', () => {
  it('tells who asks for what, and starts nothing before the person agrees', async () => {
    const link = await links.initiate();
    expect(link.consent_url).toBe(`${links.stage.url}/connect/${link.authorization_id}`);
    expect(link.authorization_id).toMatch(/^[\w-]{43}$/);
    const page = await openBrowser().open(link.consent_url);
    expect(page.status).toBe(200);
    expect(text(page)).toContain(
      `Acme &amp; &lt;b&gt;Sons&lt;/b&gt; asks to use your Sandbox account, for its user ${links.customer} .`,
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
    expect(await links.statusOf(link)).toEqual({ status: 'pending' });
  });

  it('ends with an account, and the browser back at the program', async () => {
    const link = await links.initiate({ name: 'work' });
    const browser = openBrowser();
    const asked = new URL(await begin(link, browser));
    expect(asked.searchParams.get('redirect_uri')).toBe(`${links.stage.url}/callback/sandbox`);
    expect(asked.searchParams.get('code_challenge_method')).toBe('S256');
    const landed = await browser.open(await signIn(asked.href, 'ada', { cookies: browser.cookies }));
    expect(landed.status).toBe(303);
    const [account] = await links.accounts();
    expect(account).toMatchObject({ identifier: 'work', account: 'ada@sandbox.example', status: 'active' });
    expect(landed.location).toBe(`${RETURN}&connector_id=${account.id}`);
    expect(await links.statusOf(link)).toEqual({ status: 'done', connector_id: account.id });
    const again = await browser.open(link.consent_url);
    expect(text(again)).toContain('Connected as ada@sandbox.example .');
    expect((await openBrowser().open(link.consent_url)).status).toBe(409);
    const call = { entity: 'profile', action: 'get' };
    const run = await links.stage.request('POST', `/integrations/connectors/${account.id}/execute`, {
      as: links.acme,
      body: call,
    });
    expect(run.body.data.id).toBe('ada');
  });

  it('without an address to return to ends on a page that says who was connected', async () => {
    const link = await links.initiate({ redirect_url: undefined });
    const browser = openBrowser();
    const landed = await browser.open(await signedIn(link, browser));
    expect(landed.location).toBe(link.consent_url);
    const page = await browser.open(landed.location ?? '');
    expect(text(page)).toContain('Connected as ada@sandbox.example . You may close this window.');
    expect(page.html).not.toContain('http-equiv');
  });

  it('serves a user by their own token, and only for themselves', async () => {
    const { token } = await links.stage.user(links.acme, links.customer);
    const body = { connector_type: 'sandbox', auth_option: 'oauth' };
    const own = await links.stage.request('POST', '/integrations/connectors/oauth/initiate', { as: token, body });
    expect(own.status).toBe(201);
    const other = { ...body, customer_name: 'somebody' };
    const refused = await links.stage.request('POST', '/integrations/connectors/oauth/initiate', {
      as: token,
      body: other,
    });
    expect(refused).toMatchObject({ status: 404, body: { code: 'user_unknown' } });
    const mallory = await links.stage.user(links.acme, `mallory-${links.customer}`);
    const peek = await links.stage.request('GET', `/authorizations/${own.body.authorization_id}`, {
      as: mallory.token,
    });
    expect(peek.status).toBe(404);
  });

  it('says to the program that the person said no, here or there', async () => {
    const [here, there] = [await links.initiate(), await links.initiate()];
    const browser = openBrowser();
    const ended = await browser.submit(await browser.open(here.consent_url), {}, 'cancel');
    expect(ended).toMatchObject({ status: 303, location: here.consent_url });
    expect((await browser.open(here.consent_url)).html).toContain(
      `${RETURN.replaceAll('&', '&amp;')}&amp;error=canceled`,
    );
    expect(await links.statusOf(here)).toEqual({ status: 'failed', error: 'canceled' });
    const landed = await browser.open(await signedIn(there, browser, 'ada', 'deny'));
    expect(landed.location).toBe(`${RETURN}&error=authorization_failed`);
    expect(await links.statusOf(there)).toEqual({ status: 'failed', error: 'authorization_failed' });
    expect(await links.accounts()).toEqual([]);
  });

  it('reconnects an account, as the same person only', async () => {
    const first = await links.initiate();
    const browser = openBrowser();
    await browser.open(await signedIn(first, browser));
    const [{ id }] = await links.accounts();
    const wrong = await links.initiate({ reconnect: id });
    const refused = await browser.open(await signedIn(wrong, browser, 'grace'));
    expect(refused.location).toBe(`${RETURN}&error=identity_mismatch`);
    await links.stage.request('PATCH', `/integrations/connectors/${id}`, {
      as: links.acme,
      body: { identifier: 'renamed' },
    });
    const right = await links.initiate({ reconnect: id });
    const landed = await browser.open(await signedIn(right, browser));
    expect(landed.location).toBe(`${RETURN}&connector_id=${id}`);
    expect(await links.accounts()).toMatchObject([{ id, identifier: 'renamed' }]);
  });
});
