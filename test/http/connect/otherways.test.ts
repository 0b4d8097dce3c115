import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openSigningKeys } from '../../../src/auth/signingkeys.ts';
import { httpApp } from '../../../src/http/app.ts';
import { defaultLimits } from '../../../src/http/context.ts';
import { connectorOf, type Provider, type Reply, startProvider } from '../../execute/stage.ts';
import { type HttpStage, openHttpStage, type Tenant } from '../stage.ts';
import { type Browser, openBrowser, type Shown } from './browser.ts';

const CODE = 'device-code-0123456789';
const form = { 'content-type': 'application/x-www-form-urlencoded' };

let provider: Provider;
let stage: HttpStage;
let acme: Tenant;
let browser: Browser;
let count = 0;
let tokenAnswers: Reply[] = [];

beforeAll(async () => {
  provider = await startProvider();
  const at = (path: string) => provider.origin + path;
  const oauth2 = { clientId: 'c', tokenUri: at('/token'), authorizeUri: '{{ app.authorize }}' };
  const option = (more: object) => ({ options: { it: { title: 'It', ...more } } });
  const named = (connector: string, more: object) =>
    connectorOf({
      connector,
      title: connector.toUpperCase(),
      server: { baseUrl: provider.origin },
      auth: option(more),
    });
  const oauth1 = {
    consumerKey: 'ck',
    consumerSecret: 'cs',
    requestTokenUri: at('/temporary'),
    tokenUri: at('/token'),
    authorizeUri: at('/authorize'),
  };
  stage = await openHttpStage({
    app: { authorize: 'javascript:alert(1)//https://x.example' },
    connectors: [
      named('tv', {
        type: 'oauth2',
        grant: 'device_code',
        methods: { getOAuthConfig: { mapping: { ...oauth2, deviceUri: at('/device') } } },
      }),
      named('old', { type: 'oauth1', methods: { getOAuth1Config: { mapping: oauth1 } } }),
      named('evil', { type: 'oauth2', methods: { getOAuthConfig: { mapping: oauth2 } } }),
    ],
  });
  acme = await stage.tenant('Acme');
});
afterAll(async () => {
  await stage.close();
  await provider.close();
});
beforeEach(() => {
  count += 1;
  browser = openBrowser();
  provider.seen.length = 0;
});

async function initiate(connector_type: string): Promise<{ consent_url: string; authorization_id: string }> {
  const body = { customer_name: `user-${count}`, connector_type, name: 'main' };
  const made = await stage.request('POST', '/integrations/connectors/oauth/initiate', { as: acme, body });
  expect(made.status, made.text).toBe(201);
  return made.body;
}

const accounts = async () =>
  (await stage.request('GET', `/integrations/connectors?customer_name=user-${count}`, { as: acme })).body.data;

const statusOf = async (id: string) => (await stage.request('GET', `/authorizations/${id}`, { as: acme })).body;

describe('on another device', () => {
  const started = {
    device_code: CODE,
    user_code: 'WDJB-MJHT',
    verification_uri: 'https://tv.example/activate?a=1&b=2',
    expires_in: 900,
    interval: 5,
  };
  const pending = { status: 400, body: { error: 'authorization_pending' } };
  const asked = () => provider.seen.filter((it) => it.path === '/token').length;

  async function begin(link: string): Promise<Shown> {
    provider.answer(({ path }) => {
      if (path === '/device') return { body: started };
      return path === '/token' ? (tokenAnswers.shift() ?? pending) : { body: {} };
    });
    const begun = await browser.submit(await browser.open(link));
    expect(begun).toMatchObject({ status: 303, location: link });
    return browser.open(link);
  }

  it('shows the code and waits, asking no more often than the provider wants', async () => {
    tokenAnswers = [pending, { status: 400, body: { error: 'slow_down' } }, { status: 503 }];
    const { consent_url: link, authorization_id: id } = await initiate('tv');
    const page = await begin(link);
    expect(page.html).toContain('<output class="code">WDJB-MJHT</output>');
    expect(page.html).toContain('href="https://tv.example/activate?a=1&amp;b=2"');
    expect(page.html).toContain('<meta http-equiv="refresh" content="5">');
    expect(page.html).not.toContain(CODE);
    const counts = [asked()];
    for (const [wait, reloads] of [
      [5_000, 3],
      [5_000, 1],
      [5_000, 1],
      [5_000, 1],
    ] as const) {
      stage.later(wait);
      await Promise.all(Array.from({ length: reloads }, () => browser.open(link)));
      counts.push(asked());
    }
    expect(counts).toEqual([0, 1, 2, 2, 3]);
    expect(await statusOf(id)).toEqual({ status: 'pending' });
    expect((await openBrowser().open(link)).status).toBe(403);
    tokenAnswers = [{ body: { access_token: 'device-token-012345' } }];
    stage.later(10_000);
    expect((await browser.open(link)).html).toContain('TV is connected');
    const [account] = await accounts();
    expect(await statusOf(id)).toEqual({ status: 'done', connector_id: account.id });
  });

  it('ends when the person says no, or the code has run out', async () => {
    const [first, second] = [await initiate('tv'), await initiate('tv')];
    await begin(first.consent_url);
    tokenAnswers = [{ status: 400, body: { error: 'access_denied' } }];
    stage.later(5_000);
    expect((await browser.open(first.consent_url)).html).toContain('was not finished, or was declined');
    await begin(second.consent_url);
    stage.later(901_000);
    tokenAnswers = [{ body: { access_token: 'late-token-012345' } }];
    await browser.open(second.consent_url);
    for (const { authorization_id: id } of [first, second]) {
      expect(await statusOf(id)).toEqual({ status: 'failed', error: 'authorization_failed' });
    }
    expect(await accounts()).toEqual([]);
  });
});

describe('with OAuth 1.0', () => {
  beforeEach(() => {
    provider.answer(({ path }): Reply => {
      if (path === '/temporary')
        return { headers: form, text: 'oauth_token=t-1&oauth_token_secret=s-1&oauth_callback_confirmed=true' };
      if (path === '/token') return { headers: form, text: 'oauth_token=access-1&oauth_token_secret=access-secret-1' };
      return { body: {} };
    });
  });

  async function begin(link: string): Promise<URL> {
    const { location } = await browser.submit(await browser.open(link));
    expect(location).toBe(`${provider.origin}/authorize?oauth_token=t-1`);
    const sent = provider.seen.find((it) => it.path === '/temporary')?.headers.authorization ?? '';
    return new URL(decodeURIComponent(/oauth_callback="([^"]*)"/.exec(sent)?.[1] ?? ''));
  }

  it('comes back to the page of the connector, once', async () => {
    const { consent_url: link } = await initiate('old');
    const callback = await begin(link);
    expect(callback.href).toMatch(`${stage.url}/callback/old?state=`);
    callback.searchParams.set('oauth_token', 't-1');
    callback.searchParams.set('oauth_verifier', 'v');
    expect((await browser.open(callback.href)).location).toBe(link);
    expect((await browser.open(callback.href)).status).toBe(400);
    expect(await accounts()).toMatchObject([{ identifier: 'main', connector_type: 'old' }]);
  });

  it('takes no other token than the one it asked for', async () => {
    const { consent_url: link, authorization_id: id } = await initiate('old');
    const callback = await begin(link);
    callback.searchParams.set('oauth_token', 't-2');
    callback.searchParams.set('oauth_verifier', 'v');
    await browser.open(callback.href);
    expect(await statusOf(id)).toEqual({ status: 'failed', error: 'authorization_failed' });
    expect(await accounts()).toEqual([]);
  });
});

it('leads to web addresses only, whatever a definition gives as where to sign in', async () => {
  const { consent_url: link } = await initiate('evil');
  const answer = await browser.submit(await browser.open(link));
  expect([answer.status, answer.location]).toEqual([422, undefined]);
  expect(answer.html).toContain('EVIL is not set up right here.');
  expect(answer.html).not.toContain('javascript:');
});

it('binds the browser by a cookie that no other host and no plain connection can set', async () => {
  const { authorization_id: id } = await initiate('tv');
  const signingKeys = openSigningKeys({
    keystore: stage.keystore,
    now: stage.engine.now,
    issuer: 'https://tieline.example',
  });
  const app = httpApp({ engine: stage.engine, signingKeys, url: 'https://tieline.example', limits: defaultLimits });
  const request = new Request(`https://tieline.example/connect/${id}`, { headers: { host: 'tieline.example' } });
  const page = await app.fetch(request, { incoming: { socket: {}, headers: {} } });
  expect(page.headers.get('set-cookie')).toMatch(
    /^__Host-tieline_connect_[0-9a-f]{16}=[\w-]{43}; Max-Age=\d+; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
  );
});
