import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { beginOAuth1, finishOAuth1 } from '../../src/auth/oauth1flow.ts';
import { type Arrived, failureOf, type Provider, type Reply, startProvider } from '../execute/stage.ts';
import { authOption } from './option.ts';
import { sendTo } from './sender.ts';
import { oauth1Fields } from './verify.ts';

let provider: Provider;
let confirmed: string;
let last: Map<string, string> | undefined;

beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());

/** RFC 5849 §2, with signatures checked by oauth-1.0a. */
function answer(request: Arrived): Reply {
  const client = { key: 'ck', secret: 'cs' };
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  if (request.path === '/temporary') {
    last = oauth1Fields(request, client);
    if (!last) return { status: 401 };
    return {
      headers: form,
      text: `oauth_token=temp&oauth_token_secret=temp-secret&oauth_callback_confirmed=${confirmed}`,
    };
  }
  last = oauth1Fields(request, { ...client, token: 'temp', tokenSecret: 'temp-secret' });
  if (last?.get('oauth_verifier') !== 'verified') return { status: 401 };
  return { headers: form, text: 'oauth_token=access-1&oauth_token_secret=access-secret-1' };
}
beforeEach(() => {
  confirmed = 'true';
  provider.answer(answer);
});

const redirectUri = 'http://127.0.0.1:4999/callback/sample';
const scope = { app: { secret: 'cs' } };

function optionOf(authorizeUri = 'https://provider.example/authorize') {
  const mapping = {
    consumerKey: 'ck',
    consumerSecret: '{{ app.secret }}',
    requestTokenUri: `${provider.origin}/temporary`,
    tokenUri: `${provider.origin}/token`,
    authorizeUri,
    extra: { perms: 'write' },
  };
  return authOption({ title: 'OAuth 1', type: 'oauth1', methods: { getOAuth1Config: { mapping } } });
}

const begin = (option = optionOf()) => {
  const send = sendTo(provider.origin);
  return beginOAuth1('sample', option, scope, { send, now: Date.now(), redirectUri });
};

/** The browser as it comes back. */
function landing(state: string, more: Record<string, string> = {}): URL {
  const url = new URL(redirectUri);
  const given = { state, oauth_token: 'temp', oauth_verifier: 'verified', ...more };
  for (const [name, value] of Object.entries(given)) if (value !== '') url.searchParams.set(name, value);
  return url;
}

describe('three legs', () => {
  it('end with token credentials', async () => {
    const { url, authorization } = await begin();
    expect(last?.get('oauth_callback')).toBe(`${redirectUri}?state=${authorization.state}`);
    expect(url.href).toBe('https://provider.example/authorize?perms=write&oauth_token=temp');
    const context = { send: sendTo(provider.origin), now: Date.now() };
    const granted = await finishOAuth1(authorization, optionOf(), scope, landing(authorization.state), context);
    expect(granted).toEqual({ values: { token: 'access-1', tokenSecret: 'access-secret-1' } });
  });

  it.each<[string, Record<string, string>, number]>([
    ['another state', { state: 'x' }, 0],
    ['another token', { oauth_token: 'x' }, 0],
    ['no verifier', { oauth_verifier: '' }, 0],
    ['a wrong verifier', { oauth_verifier: 'x' }, 0],
    ['too late', {}, 11 * 60_000],
  ])('fail with %s', async (_, more, later) => {
    const { authorization } = await begin();
    const context = { send: sendTo(provider.origin), now: Date.now() + later };
    const finishing = finishOAuth1(authorization, optionOf(), scope, landing(authorization.state, more), context);
    expect((await failureOf(finishing)).code).toBe('authorization_failed');
  });

  it('do not begin at a provider that does not confirm the callback', async () => {
    confirmed = 'false';
    expect((await failureOf(begin())).code).toBe('authorization_failed');
  });

  it('open web addresses only', async () => {
    expect((await failureOf(begin(optionOf('file:///bin/sh')))).code).toBe('definition_invalid');
  });
});
