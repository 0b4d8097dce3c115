import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { connectAccount } from '../../src/execute/connect.ts';
import { revokeAccount } from '../../src/execute/revoke.ts';
import { signInAccount, signInKind } from '../../src/execute/signin.ts';
import { authOption } from '../auth/option.ts';
import { oauth1Fields } from '../auth/verify.ts';
import { alice, connectorOf, openStage, type Provider, type Reply, startProvider } from './stage.ts';

let provider: Provider;
beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());
beforeEach(() => {
  provider.seen.length = 0;
});

const form = { 'content-type': 'application/x-www-form-urlencoded' };
const redirectUri = 'http://127.0.0.1:4999/callback/sample';

/** Signs in, connects and calls; `come` is what the person does in the browser. */
async function through(option: object, come: (url: URL, state: string) => URL) {
  const connector = connectorOf({
    server: { baseUrl: provider.origin },
    auth: { options: { it: { title: 'It', ...option } } },
  });
  const stage = await openStage([connector], { app: { key: 'ck', secret: 'cs' } });
  onTestFinished(() => stage.close());
  let landed = new URL(redirectUri);
  const codes: (string | undefined)[] = [];
  const tokens = await signInAccount(
    stage.engine,
    alice,
    connector,
    connector.defaultOption,
    {},
    {
      redirectUri,
      visit: async (url, { state, code }) => {
        codes.push(code);
        landed = come(url, state);
      },
      arrived: async () => landed,
    },
  );
  const wanted = { connector: 'sample', identifier: 'main', input: {}, tokens };
  const { integration } = await connectAccount(stage.engine, alice, wanted);
  const { data } = await stage.call('things.get');
  return { ...stage, connector, integration, data, codes };
}

function comeBack(more: Record<string, string>): URL {
  const url = new URL(redirectUri);
  for (const [name, value] of Object.entries(more)) url.searchParams.set(name, value);
  return url;
}

describe('a sign-in', () => {
  const oauth2 = { clientId: 'c', tokenUri: '/token', authorizeUri: '/authorize' };
  const at = (mapping: Record<string, string>) =>
    Object.fromEntries(
      Object.entries(mapping).map(([name, it]) => [name, it.startsWith('/') ? provider.origin + it : it]),
    );

  it('with OAuth 1.0 ends with requests that are signed', async () => {
    const client = { key: 'ck', secret: 'cs' };
    const account = { ...client, token: 'access-1', tokenSecret: 'access-secret-1' };
    provider.answer((request): Reply => {
      if (request.path === '/temporary')
        return { headers: form, text: 'oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=true' };
      if (request.path === '/token')
        return { headers: form, text: 'oauth_token=access-1&oauth_token_secret=access-secret-1' };
      return oauth1Fields(request, account) ? { body: { ok: true } } : { status: 401 };
    });
    const mapping = { consumerKey: '{{ app.key }}', consumerSecret: '{{ app.secret }}' };
    const endpoints = at({ requestTokenUri: '/temporary', tokenUri: '/token', authorizeUri: '/authorize' });
    const option = { type: 'oauth1', methods: { getOAuth1Config: { mapping: { ...mapping, ...endpoints } } } };
    const { data } = await through(option, (_, state) => comeBack({ state, oauth_token: 't', oauth_verifier: 'v' }));
    expect(data).toEqual({ ok: true });
  });

  it('on another device shows a code', async () => {
    provider.answer(({ path, headers }): Reply => {
      const started = {
        device_code: 'd',
        user_code: 'ABCD',
        verification_uri: 'https://a.example/',
        expires_in: 9,
        interval: 0.01,
      };
      if (path === '/device') return { body: started };
      if (path === '/token') return { body: { access_token: 'device-token' } };
      return headers.authorization === 'Bearer device-token' ? { body: { ok: true } } : { status: 401 };
    });
    const getOAuthConfig = { mapping: at({ ...oauth2, deviceUri: '/device' }) };
    const option = { type: 'oauth2', grant: 'device_code', methods: { getOAuthConfig } };
    const { data, codes } = await through(option, (url) => url);
    expect([data, codes]).toEqual([{ ok: true }, ['ABCD']]);
  });

  it('may name the code otherwise, keep what the callback tells, and be revoked by a request', async () => {
    provider.answer(({ path, headers }): Reply => {
      if (path === '/token') return { body: { access_token: 'code-token', user: { name: 'ada' } } };
      if (path === '/end') return { status: 204, text: '' };
      return headers.authorization === 'Bearer code-token' ? { body: { realm: headers['x-realm'] } } : { status: 401 };
    });
    const save = { account: { realm: '{{ callback.realmId }}' } };
    const methods = {
      getOAuthConfig: { mapping: { ...at(oauth2), codeParam: 'auth_code', save } },
      getCredentialsFromAccessTokenResponse: { mapping: { name: '{{ response.body.user.name }}' } },
      makeApiClient: { mapping: { headers: { 'X-Realm': '{{ account.realm }}' } } },
      revoke: { request: { method: 'POST', path: '/end', form: { token: '{{ credentials.accessToken }}' } } },
    };
    const back = (_: URL, state: string) => comeBack({ state, auth_code: 'the-code', realmId: 'r7' });
    const { data, integration, engine, connector } = await through({ type: 'oauth2', methods }, back);
    expect(data).toEqual({ realm: 'r7' });
    expect(integration.account).toEqual({ realm: 'r7' });
    expect(new URLSearchParams(`${provider.seen[0]?.body}`).get('code')).toBe('the-code');
    expect(await revokeAccount(engine, alice, connector, integration)).toBe(true);
    expect(`${provider.seen.at(-1)?.body}`).toBe('token=code-token');
  });

  it('may exchange the code by a request of the definition', async () => {
    provider.answer(({ path, headers, body }): Reply => {
      if (path === '/exchange') return { body: { data: { token: `for-${JSON.parse(`${body}`).auth}`, seconds: 60 } } };
      return headers.authorization === 'Bearer for-the-code' ? { body: { ok: true } } : { status: 401 };
    });
    const methods = {
      getOAuthConfig: { mapping: at(oauth2) },
      getTokenData: {
        request: {
          method: 'POST',
          path: '/exchange',
          json: { auth: '{{ callback.code }}', proof: '{{ codeVerifier }}' },
        },
        mapping: { accessToken: '{{ response.body.data.token }}', expiresIn: '{{ response.body.data.seconds }}' },
      },
    };
    const { data } = await through({ type: 'oauth2', methods }, (_, state) => comeBack({ state, code: 'the-code' }));
    expect(data).toEqual({ ok: true });
    expect(JSON.parse(`${provider.seen[0]?.body}`).proof).toMatch(/^[\w-]{43}$/);
  });
});

describe('who has to sign in', () => {
  const getOAuth1Config = (more: object) => ({ getOAuth1Config: { mapping: { consumerKey: 'c', ...more } } });
  it.each<[Parameters<typeof authOption>[0], string | undefined]>([
    [{ title: 'It', type: 'bearer' }, undefined],
    [{ title: 'It', type: 'oauth2' }, 'browser'],
    [{ title: 'It', type: 'oauth2', grant: 'device_code' }, 'device'],
    [{ title: 'It', type: 'oauth2', grant: 'jwt_bearer' }, undefined],
    [{ title: 'It', type: 'oauth1', methods: getOAuth1Config({ authorizeUri: 'https://a.example' }) }, 'browser'],
    [{ title: 'It', type: 'oauth1', methods: getOAuth1Config({}) }, undefined],
    [
      { title: 'It', type: 'oauth1', methods: { getOAuth1Config: { javascript: '() => ({ authorizeUri: "x" })' } } },
      'browser',
    ],
    [{ title: 'It', type: 'oauth1', methods: { getOAuth1Config: { javascript: '() => ({})' } } }, undefined],
  ])('%j', (written, kind) => {
    expect(signInKind(authOption(written))).toBe(kind);
  });
});
