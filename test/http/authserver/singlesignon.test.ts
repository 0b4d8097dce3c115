import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openIdProvider } from '../../../src/auth/openid.ts';
import type { SignIn } from '../../../src/http/context.ts';
import { CookieJar } from '../../../src/sandbox/cookies.ts';
import { signIn as signInAtSandbox } from '../../../src/sandbox/person.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import type { McpStage } from '../../mcp/httpstage.ts';
import { Browser, openAuthStage, plain, register, requestFor } from './stage.ts';

describe('single sign-on', () => {
  let provider: Sandbox;
  let stage: McpStage;
  const settings = { identifierClaim: 'email', createUsers: true, organization: '' };

  beforeAll(async () => {
    provider = await startSandbox();
    stage = await openAuthStage({
      more: ({ sender }) => {
        const { clientId, clientSecret } = provider;
        const issuer = `${provider.url}/oauth`;
        const known = openIdProvider({ issuer, clientId, clientSecret, scope: 'openid email', sender });
        return { signIn: Object.assign(settings, known) satisfies SignIn };
      },
    });
  });
  afterAll(async () => {
    await stage.close();
    await provider.close();
  });

  /** A browser that has come as far as the operator's provider. */
  async function leaving(): Promise<{ browser: Browser; away: URL }> {
    settings.organization = stage.acme.organization;
    const browser = new Browser(stage.url);
    const { address } = await requestFor(stage.url, await register(stage.url));
    const { url } = await browser.open(address);
    expect(url.origin).toBe(provider.url);
    return { browser, away: url };
  }

  const back = (away: URL, options = {}) => signInAtSandbox(away.href, 'ada', { cookies: new CookieJar(), ...options });

  it('signs a user in, who is made on first sight', async () => {
    Object.assign(settings, { identifierClaim: 'sub', createUsers: true });
    const { browser, away } = await leaving();
    expect(away.searchParams.get('code_challenge_method')).toBe('S256');
    expect(away.searchParams.get('nonce')).toBeTruthy();
    const shown = await browser.open(await back(away));
    expect(shown.url.pathname).toMatch(/^\/consent\//);
    expect(plain(shown)).toContain('as ada of acme');
    const { data } = (await stage.request('GET', '/users?identifier=ada', { as: stage.acme })).body;
    expect(data).toHaveLength(1);
  });

  it.each([
    [
      'an address that nobody has verified',
      { identifierClaim: 'email', createUsers: true },
      'does not say who you are',
    ],
    ['a user who is not known', { identifierClaim: 'name', createUsers: false }, ''],
  ])('does not take %s', async (_, change, saying) => {
    Object.assign(settings, change);
    const { browser, away } = await leaving();
    const shown = await browser.open(await back(away));
    expect(shown.status).toBeGreaterThanOrEqual(400);
    expect(plain(shown)).toContain(saying);
    expect(browser.cookies.headerFor(new URL(stage.url))).not.toMatch(/\btieline=/);
  });

  it('does not sign in a disabled user', async () => {
    Object.assign(settings, { identifierClaim: 'sub', createUsers: true });
    const [user] = (await stage.request('GET', '/users?identifier=ada', { as: stage.acme })).body.data;
    const path = `/users/${user.id}`;
    await stage.request('PATCH', path, { as: stage.acme, body: { disabled: true } });
    const { browser, away } = await leaving();
    expect((await browser.open(await back(away))).status).toBe(403);
    await stage.request('PATCH', path, { as: stage.acme, body: { disabled: false } });
  });

  it('is finished in the browser in which it was begun, and once', async () => {
    Object.assign(settings, { identifierClaim: 'sub', createUsers: true });
    const { browser, away } = await leaving();
    const callback = await back(away);
    const other = await leaving();
    expect((await other.browser.open(callback)).status).toBe(400);
    expect((await browser.open(callback)).status).toBe(200);
    const asked = provider.observed.tokenRequests.length;
    expect((await browser.open(callback)).status).toBe(400);
    expect(provider.observed.tokenRequests).toHaveLength(asked);
  });

  it.each([
    ['nothing', (_: URL) => {}],
    ['another state', (url: URL) => url.searchParams.set('state', 'x'.repeat(43))],
    ['another issuer', (url: URL) => url.searchParams.set('iss', 'https://evil.example')],
    ['another code', (url: URL) => url.searchParams.set('code', 'x'.repeat(43))],
  ])('fails when the answer brings %s', async (name, change) => {
    const { browser, away } = await leaving();
    const url = name === 'nothing' ? new URL(`${stage.url}/callback/sign-in`) : new URL(await back(away));
    change(url);
    const shown = await browser.open(url);
    expect([shown.status, plain(shown).includes('cannot go on')]).toEqual([400, true]);
  });

  it('fails when the person says no', async () => {
    const { browser, away } = await leaving();
    expect((await browser.open(await back(away, { decision: 'deny' }))).status).toBe(400);
  });

  it('takes the place of secrets', async () => {
    const answered = await fetch(`${stage.url}/sign-in`, { method: 'POST', body: new URLSearchParams() });
    expect(answered.status).toBe(403);
  });
});
