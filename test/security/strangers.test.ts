import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openIdProvider } from '../../src/auth/openid.ts';
import type { SignIn } from '../../src/http/context.ts';
import { memoryKeyring } from '../../src/keystore/keyring.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import { openStore } from '../../src/keystore/open.ts';
import type { Store } from '../../src/keystore/store.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { Browser, CALLBACK, openAuthStage, post, register, requestFor, signedIn } from '../http/authserver/stage.ts';
import type { McpStage } from '../mcp/httpstage.ts';

/** A keystore on disk that counts what is written to it. */
async function countedKeystore(folder: string): Promise<{ keystore: Keystore; written: () => number }> {
  const store = await openStore(`sqlite:${join(folder, 'tieline.db')}`);
  let count = 0;
  const counted: Store = Object.assign(Object.create(store), {
    set: (...args: Parameters<Store['set']>) => {
      count += 1;
      return store.set(...args);
    },
    replace: (...args: Parameters<Store['replace']>) => {
      count += 1;
      return store.replace(...args);
    },
    get: (...args: Parameters<Store['get']>) => store.get(...args),
    getMany: (...args: Parameters<Store['getMany']>) => store.getMany(...args),
    delete: (...args: Parameters<Store['delete']>) => store.delete(...args),
    close: () => store.close(),
    ...(store.stamp && { stamp: () => store.stamp?.() }),
  });
  return { keystore: await Keystore.open({ store: counted, keyring: memoryKeyring() }), written: () => count };
}

let folder: string;
let stage: McpStage;
let written: () => number;
let client: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tieline-strangers-'));
  const counted = await countedKeystore(folder);
  written = counted.written;
  stage = await openAuthStage({ keystore: counted.keystore });
  client = await register(stage.url);
});
afterAll(async () => {
  await stage.close();
  await rm(folder, { recursive: true, force: true });
});

/** Requests in groups, as fast as they are answered. */
async function many(count: number, ask: (index: number) => Promise<Response>): Promise<ReadonlySet<number>> {
  const statuses = new Set<number>();
  for (let done = 0; done < count; done += 50) {
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => ask(done + i)));
    for (const it of answers) {
      statuses.add(it.status);
      await it.arrayBuffer();
    }
  }
  return statuses;
}

describe('what strangers leave in the store', () => {
  it('is nothing, however many authorization requests, registrations and sign-ins they begin', async () => {
    const { address } = await requestFor(stage.url, client);
    const other = await requestFor(stage.url, 'https://documents.invalid/client');
    const before = written();
    expect(await many(3_000, (i) => fetch(i % 2 ? address : other.address, { redirect: 'manual' }))).toEqual(
      new Set([303]),
    );
    const json = JSON.stringify({ redirect_uris: [CALLBACK] });
    const headers = { 'content-type': 'application/json' };
    const registered = await many(500, () => fetch(`${stage.url}/register`, { method: 'POST', headers, body: json }));
    expect(registered).toEqual(new Set([201]));
    expect(await many(500, () => fetch(`${stage.url}/sign-in`))).toEqual(new Set([200]));
    const form = () => new URLSearchParams({ grant_type: 'authorization_code', client_id: client, code: 'x' });
    await many(500, () => fetch(`${stage.url}/token`, { method: 'POST', body: form() }));
    await many(100, (i) => fetch(`${stage.url}/connect/${'x'.repeat(43)}${i}`));
    expect(written()).toBe(before);
  });

  it('is nothing either where users sign in at a provider', async () => {
    const provider = await startSandbox();
    const { url, clientId, clientSecret } = provider;
    const counted = await countedKeystore(await mkdtemp(join(folder, 'sso-')));
    const elsewhere = await openAuthStage({
      keystore: counted.keystore,
      more: ({ sender }) => {
        const known = openIdProvider({ issuer: `${url}/oauth`, clientId, clientSecret, scope: 'openid', sender });
        const users = { identifierClaim: 'sub', createUsers: true, organization: 'org' };
        return { signIn: { ...known, ...users } satisfies SignIn };
      },
    });
    try {
      const before = counted.written();
      expect(await many(500, () => fetch(`${elsewhere.url}/sign-in`, { redirect: 'manual' }))).toEqual(new Set([303]));
      const long = `/authorize?state=${'%25'.repeat(780)}`;
      const next = new URLSearchParams({ next: long });
      const left = await fetch(`${elsewhere.url}/sign-in?${next}`, { redirect: 'manual' });
      // Browsers keep 4,096 bytes of name, value and attributes.
      expect(left.headers.getSetCookie().join('').length).toBeLessThan(4_096);
      expect(counted.written()).toBe(before);
    } finally {
      await elsewhere.close();
      await provider.close();
    }
  });

  it('is bounded for a user, and other users go on', async () => {
    const [ada, eve] = [await stage.user(stage.acme, 'ada'), await stage.user(stage.acme, 'eve')];
    const [hers, others] = [await signedIn(stage.url, ada), await signedIn(stage.url, eve)];
    const { address } = await requestFor(stage.url, client);
    const before = written();
    const headers = { cookie: hers.cookies.headerFor(address) };
    const statuses = await many(400, () => fetch(address, { redirect: 'manual', headers }));
    expect(statuses).toEqual(new Set([303, 429]));
    expect(written() - before).toBeLessThanOrEqual(120);
    expect((await others.open(address)).url.pathname).toMatch(/^\/consent\//);
  });
});

describe('before anybody has signed in', () => {
  it.each<[string, Record<string, string>]>([
    ['as it should be', {}],
    ['with another response type', { response_type: 'token' }],
    ['with no question', { prompt: 'none' }],
    ['with another resource', { resource: 'https://other.example' }],
    ['without a challenge', { code_challenge: '', code_challenge_method: '' }],
    ['with an answer by form', { response_mode: 'form_post' }],
    ['with a request object', { request: 'x.y.z' }],
    ['with a registration', { registration: '{}' }],
  ])('a request %s leads to the page for that, and to no client', async (_, more) => {
    const { address } = await requestFor(stage.url, client, more);
    const shown = await new Browser(stage.url).open(address);
    expect([shown.status, shown.url.origin, shown.url.pathname]).toEqual([200, stage.url, '/sign-in']);
    const sent = await fetch(address, { method: 'POST', redirect: 'manual' });
    expect([sent.status, sent.headers.get('location')]).toEqual([404, null]);
  });

  it('a request is looked at with GET alone, and one that is too long not at all', async () => {
    const { address } = await requestFor(stage.url, client, { state: 's'.repeat(4_000) });
    expect((await fetch(address, { redirect: 'manual' })).status).toBe(400);
    for (const path of ['/authorize?client_id=x', '/authorize/x']) {
      expect((await fetch(`${stage.url}${path}`, { method: 'HEAD' })).status).toBe(405);
    }
  });

  it('goes on with the same request afterwards, also where the client wants a new sign-in', async () => {
    const ada = await stage.user(stage.acme, 'mia');
    const browser = new Browser(stage.url);
    const { address } = await requestFor(stage.url, client, { prompt: 'login', state: 'a b&c=d%2F' });
    const consent = await browser.submit(await browser.open(address), { identifier: 'mia', secret: ada.secret });
    expect(consent.url.pathname).toMatch(/^\/consent\//);
    const back = await browser.submit(consent, { decision: 'allow' });
    expect(back.url.searchParams.get('state')).toBe('a b&c=d%2F');
    expect((await post(`${stage.url}/token`, { grant_type: 'authorization_code', code: 'x' })).status).toBe(400);
  });
});
