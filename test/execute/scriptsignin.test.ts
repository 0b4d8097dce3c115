import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Credential } from '../../src/auth/credential.ts';
import { connectAccount } from '../../src/execute/connect.ts';
import { signInAccount } from '../../src/execute/signin.ts';
import { credentialKey } from '../../src/integration/accounts.ts';
import { oauth1Fields } from '../auth/verify.ts';
import { alice, connectorOf, failureOf, openStage, type Provider, type Reply, startProvider } from './stage.ts';

let provider: Provider;
beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());
beforeEach(() => {
  provider.seen.length = 0;
});

const redirectUri = 'http://127.0.0.1:4999/callback/sample';

/** Signs in by the browser, which comes back with these parameters, and connects. */
async function through(option: object, back: Record<string, string> = { code: 'the-code-12345' }) {
  const connector = connectorOf({
    server: { baseUrl: provider.origin },
    auth: { options: { it: { title: 'It', ...option } } },
  });
  const stage = await openStage([connector], { app: { origin: provider.origin, key: 'ck', secret: 'cs' } });
  onTestFinished(() => stage.close());
  const landed = new URL(redirectUri);
  const visitor = {
    redirectUri,
    visit: async (_: URL, { state }: { state: string }) => {
      for (const [name, value] of Object.entries({ ...back, state })) landed.searchParams.set(name, value);
    },
    arrived: async () => landed,
  };
  const tokens = await signInAccount(stage.engine, alice, connector, connector.defaultOption, {}, visitor);
  const wanted = { connector: 'sample', identifier: 'main', input: {}, tokens };
  const { integration } = await connectAccount(stage.engine, alice, wanted);
  const key = credentialKey(alice, 'sample', integration.id);
  const stored = async () => (await stage.engine.keystore.read<Credential>(key))?.value;
  return { ...stage, key, stored };
}

const config = `({ app }) => ({ clientId: 'c', authorizeUri: app.origin + '/authorize', tokenUri: app.origin + '/token' })`;
const deep =
  '({ response }) => response.body.authed && ({ accessToken: response.body.authed.token, refreshToken: response.body.authed.next, expiresIn: response.body.authed.seconds })';
const withConfig = (methods: object) => ({
  type: 'oauth2',
  methods: { getOAuthConfig: { javascript: config }, ...methods },
});

describe('OAuth 2 whose settings are JavaScript', () => {
  it('has tokens, expiry and a refresh token from elsewhere in the answers', async () => {
    let count = 0;
    provider.answer(({ path, headers, body }): Reply => {
      if (path !== '/token') return headers.authorization === `Bearer token-${count}-abcdef` ? {} : { status: 401 };
      const asked = new URLSearchParams(`${body}`);
      if (count > 0 && asked.get('refresh_token') !== `next-${count}-abcdef`) return { status: 400 };
      count += 1;
      return {
        body: { ok: true, authed: { token: `token-${count}-abcdef`, next: `next-${count}-abcdef`, seconds: 60 } },
      };
    });
    const { stored, call, engine, key } = await through(
      withConfig({
        getCredentialsFromAccessTokenResponse: { javascript: deep },
        getCredentialsFromRefreshTokenResponse: { javascript: deep },
      }),
    );
    const first = await stored();
    expect(first?.values).toEqual({ accessToken: 'token-1-abcdef', refreshToken: 'next-1-abcdef' });
    expect((first?.expiresAt ?? 0) - Date.now()).toBeGreaterThan(30_000);
    expect((first?.expiresAt ?? 0) - Date.now()).toBeLessThanOrEqual(60_000);
    if (first) await engine.keystore.write(key, { ...first, expiresAt: Date.now() - 1 });
    await call('things.get');
    expect((await stored())?.values).toEqual({ accessToken: 'token-2-abcdef', refreshToken: 'next-2-abcdef' });
  });

  it('leaves an answer that is an error to the standard, without the function', async () => {
    provider.answer(() => ({ body: { ok: false, error: 'invalid_grant' } }));
    const javascript = '() => { throw new Error("the function was run") }';
    const error = await failureOf(through(withConfig({ getCredentialsFromAccessTokenResponse: { javascript } })));
    expect(error).toMatchObject({ code: 'authorization_failed', message: expect.stringContaining('invalid_grant') });
  });

  it('may ask for more once there is a token, and does so once', async () => {
    provider.answer(({ path, headers }): Reply => {
      if (path === '/token') return { body: { access_token: 'short-token-1', token_type: 'bearer', expires_in: 5 } };
      if (path === '/long') return { body: { long: `for-${headers.authorization}` } };
      return {};
    });
    const javascript = `async ({ response, http }) => {
      const { body } = await http({ path: '/long', headers: { authorization: response.body.access_token } });
      return { accessToken: body.long, expiresIn: 3600 };
    }`;
    const { stored } = await through(withConfig({ getCredentialsFromAccessTokenResponse: { javascript } }));
    const { values, expiresAt = 0 } = (await stored()) ?? {};
    expect(values?.accessToken).toBe('for-short-token-1');
    expect(expiresAt - Date.now()).toBeGreaterThan(3_000_000);
    expect(provider.seen.map((it) => it.path)).toEqual(['/token', '/long']);
  });

  it('exchanges the code by itself', async () => {
    provider.answer(({ path, body }): Reply => {
      if (path === '/one') return { body: { grant: `${JSON.parse(`${body}`).code}-grant` } };
      return path === '/two' ? { body: { token: `${new URLSearchParams(`${body}`).get('grant')}-token` } } : {};
    });
    const javascript = `async ({ callback, codeVerifier, redirectUri, http }) => {
      const one = await http({ method: 'POST', path: '/one', json: { code: callback.code, codeVerifier, redirectUri } });
      const two = await http({ method: 'POST', path: '/two', form: { grant: one.body.grant } });
      return { accessToken: two.body.token };
    }`;
    const { stored } = await through(withConfig({ getTokenData: { javascript } }));
    expect((await stored())?.values).toEqual({ accessToken: 'the-code-12345-grant-token' });
    expect(JSON.parse(`${provider.seen[0]?.body}`)).toMatchObject({ redirectUri, codeVerifier: expect.any(String) });
  });

  it('does not show the code in the message of an exchange that fails', async () => {
    const javascript = 'async ({ callback, codeVerifier }) => { throw new Error(callback.code + " " + codeVerifier) }';
    const { message } = await failureOf(through(withConfig({ getTokenData: { javascript } })));
    expect(message).toMatch(/^\[secret\] \[secret\] in /);
  });

  it.each(['tokenPath', 'refreshTokenPath', 'expiry', 'save'])('cannot give %s', async (key) => {
    const javascript = `() => ({ clientId: 'c', tokenUri: 'https://a.example/t', authorizeUri: 'https://a.example/a', ${key}: {} })`;
    const error = await failureOf(through({ type: 'oauth2', methods: { getOAuthConfig: { javascript } } }));
    expect(error).toMatchObject({
      code: 'definition_invalid',
      message: `getOAuthConfig as JavaScript cannot give ${key}`,
      hint: expect.stringContaining('getCredentialsFromAccessTokenResponse'),
    });
  });
});

it('OAuth 1 whose settings are JavaScript has the sign-in', async () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const account = { key: 'ck', secret: 'cs', token: 'access-1', tokenSecret: 'access-secret-1' };
  provider.answer((request): Reply => {
    if (request.path === '/temporary')
      return { headers: form, text: 'oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=true' };
    if (request.path === '/token')
      return { headers: form, text: 'oauth_token=access-1&oauth_token_secret=access-secret-1' };
    return oauth1Fields(request, account) ? { body: { ok: true } } : { status: 401 };
  });
  const javascript = `({ app }) => ({
    consumerKey: app.key, consumerSecret: app.secret, requestTokenUri: app.origin + '/temporary',
    tokenUri: app.origin + '/token', authorizeUri: app.origin + '/authorize',
  })`;
  const option = { type: 'oauth1', methods: { getOAuth1Config: { javascript } } };
  const { call } = await through(option, { oauth_token: 't', oauth_verifier: 'v' });
  expect((await call('things.get')).data).toEqual({ ok: true });
});
