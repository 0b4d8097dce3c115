import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { connector } from '../../src/sdk/connector.ts';
import { Tieline } from '../../src/sdk/tieline.ts';
import { failureOf, sandboxConnector } from '../execute/stage.ts';
import { Browser } from '../http/authserver/stage.ts';
import { type HttpStage, openHttpStage, type Tenant } from '../http/stage.ts';

let sandbox: Sandbox;
let stage: HttpStage;
let acme: Tenant;
let tieline: Tieline;
beforeAll(async () => {
  sandbox = await startSandbox();
  const app = { baseUrl: sandbox.url, clientId: sandbox.clientId, clientSecret: sandbox.clientSecret };
  stage = await openHttpStage({
    connectors: [await sandboxConnector()],
    app,
    backend: () => ({ authorizationServer: true }),
  });
  acme = await stage.tenant('acme');
  tieline = new Tieline({ apiBaseUrl: stage.url, apiKey: acme.key });
});
afterAll(async () => {
  await stage.close();
  await sandbox.close();
});

const key = (person: string) => ({ apiKey: sandbox.apiKey(person) });

/** A user with a login and an account of the sandbox. */
async function linked(name: string, person = 'ada') {
  const { secret } = await tieline.createUser(name);
  const user = await tieline.authenticate(name, secret);
  await user.integrations.create('sandbox', key(person), { name: 'work' });
  return user;
}

describe('an organization', () => {
  it('registers users, and manages them', async () => {
    const made = await tieline.createUser('una');
    expect(made).toMatchObject({ identifier: 'una', status: 'active', secret: expect.stringMatching(/^sk-user-/) });
    expect(made.createdAt).toBeInstanceOf(Date);
    expect((await failureOf(tieline.createUser('una'))).code).toBe('user_exists');
    expect(await tieline.users.get(made.id)).toEqual({ ...made, secret: undefined });
    expect((await tieline.users.find('una'))?.id).toBe(made.id);
    expect(await tieline.users.find('nobody')).toBeUndefined();
    expect(await tieline.users.disable(made.id)).toMatchObject({ status: 'disabled' });
    expect((await failureOf(tieline.authenticate('una', made.secret))).code).toBe('login_failed');
    expect(await tieline.users.enable(made.id)).toMatchObject({ status: 'active' });
    const { secret } = await tieline.users.rotateSecret(made.id);
    expect((await failureOf(tieline.authenticate('una', made.secret))).code).toBe('login_failed');
    expect((await tieline.authenticate('una', secret)).token).toMatch(/^ey/);
    await tieline.users.delete(made.id);
    expect((await failureOf(tieline.users.get(made.id))).code).toBe('user_unknown');
  });

  it('lists users in pages, and all of them', async () => {
    const names = ['list-1', 'list-2', 'list-3'];
    for (const name of names) await tieline.createUser(name);
    const first = await tieline.users.list({ limit: 1 });
    expect(first.items).toHaveLength(1);
    const second = await tieline.users.list({ limit: 1, cursor: first.nextCursor });
    expect(second.items[0]?.id).not.toBe(first.items[0]?.id);
    const all: string[] = [];
    for await (const user of tieline.users.all()) all.push(user.identifier);
    expect(all).toEqual(expect.arrayContaining(names));
  });

  it('changes itself, and its keys', async () => {
    const organization = await tieline.organization.update({ redirectUrls: ['https://app.example/done'] });
    expect(organization).toMatchObject({ id: acme.organization, redirectUrls: ['https://app.example/done'] });
    expect(await tieline.organization.get()).toEqual(organization);
    const made = await tieline.clientKeys.create('second');
    expect(await tieline.clientKeys.list()).toContainEqual({ ...made, key: undefined });
    const other = new Tieline({ apiBaseUrl: stage.url, apiKey: made.key, organizationId: acme.organization });
    expect(await other.organization.get()).toEqual(organization);
    await tieline.clientKeys.revoke(made.id);
    expect((await failureOf(other.organization.get())).code).toBe('unauthenticated');
  });

  it('sees what can be connected', async () => {
    expect(await tieline.connectors.list()).toMatchObject([{ name: 'sandbox', title: 'Sandbox' }]);
    const { options, entities } = await tieline.connectors.get('sandbox');
    expect(options.map((it) => [it.key, it.signIn])).toEqual([
      ['oauth', 'browser'],
      ['client', undefined],
      ['key', undefined],
    ]);
    const create = entities.find((it) => it.name === 'tickets')?.actions.find((it) => it.name === 'create');
    expect(create).toMatchObject({
      effect: 'create',
      tool: 'sandbox_tickets_create',
      paramsSchema: { type: 'object' },
    });
    expect((await failureOf(tieline.connectors.get('sandbax'))).code).toBe('connector_unknown');
  });

  it('shows neither key, token nor secret', async () => {
    const { secret } = await tieline.createUser('quiet');
    const user = await tieline.authenticate('quiet', secret);
    const own = connector('sandbox', { apiBaseUrl: stage.url, apiKey: acme.key, customerName: 'quiet' });
    for (const it of [tieline, user, own, tieline.customer('quiet')]) {
      const shown = `${inspect(it, { depth: 9, showHidden: true })}${JSON.stringify(it)}${String(it)}`;
      for (const hidden of [secret, user.token, acme.key]) expect(shown).not.toContain(hidden);
    }
  });
});

describe('a user', () => {
  it('links, chooses, renames and removes accounts', async () => {
    const user = await linked('rita');
    const { integrations } = user;
    expect(await user.me()).toMatchObject({ identifier: 'rita' });
    expect(await integrations.has('sandbox')).toBe(true);
    const home = await integrations.create('sandbox', key('grace'), { name: 'home', option: 'key' });
    expect(home).toMatchObject({ identifier: 'home', isDefault: false, customer: 'rita', status: 'active' });
    expect((await integrations.get('sandbox')).identifier).toBe('work');
    expect(await integrations.select('sandbox', 'home')).toMatchObject({ isDefault: true });
    expect(await integrations.rename('sandbox', 'home', 'private')).toMatchObject({ id: home.id });
    expect((await integrations.list('sandbox')).map((it) => it.identifier).sort()).toEqual(['private', 'work']);
    expect(await integrations.test('sandbox', 'private')).toBe(true);
    expect((await failureOf(integrations.reconnect('sandbox', 'private', key('ada')))).code).toBe('identity_mismatch');
    expect(await integrations.reconnect('sandbox', 'private', key('grace'))).toMatchObject({ id: home.id });
    expect(await integrations.disable('sandbox', 'private')).toMatchObject({ status: 'disabled' });
    expect(await integrations.enable('sandbox', 'private')).toMatchObject({ status: 'active' });
    await integrations.remove('sandbox', 'private');
    const error = await failureOf(integrations.get('sandbox', 'private'));
    expect([error.code, error.hint]).toEqual(['integration_unknown', 'Use one of: work']);
  });

  it('has nothing while an account is yet to be connected', async () => {
    await tieline.createUser('wanda');
    const { integrations } = tieline.customer('wanda');
    await tieline.organization.update({ redirectUrls: ['https://app.example/done'] });
    await integrations.initiate('sandbox', 'https://app.example/done', { name: 'work' });
    expect(await integrations.list()).toMatchObject([{ identifier: 'work', status: 'pending' }]);
    expect(await integrations.has('sandbox')).toBe(false);
  });

  it('is sent to the page of the provider', async () => {
    await tieline.organization.update({ redirectUrls: ['https://app.example/done'] });
    const user = await tieline.createUser('ines').then((it) => tieline.authenticate('ines', it.secret));
    const begun = await user.integrations.initiate('sandbox', 'https://app.example/done', { name: 'work' });
    expect(begun.consentUrl).toMatch(/^http/);
    expect(begun.expiresAt.getTime()).toBeGreaterThan(Date.now());
    expect(await user.integrations.has('sandbox')).toBe(false);
  });

  it('is linked only once the program has said that it was them', async () => {
    const { integrations } = tieline.customer('vera');
    const asked = { confirm: true, option: 'key' };
    const { consentUrl } = await integrations.initiate('sandbox', 'https://app.example/done', asked);
    const browser = new Browser(stage.url);
    const typed = { decision: 'continue', 'input.apiKey': sandbox.apiKey('ada') };
    const back = await browser.submit(await browser.open(consentUrl), typed);
    expect(await integrations.has('sandbox')).toBe(false);
    const confirmation = back.url.searchParams.get('confirmation') ?? '';
    const wrong = tieline.customer('walter').integrations.confirm(confirmation);
    expect((await failureOf(wrong)).code).toBe('not_permitted');
    expect((await failureOf(integrations.confirm(confirmation))).code).toBe('not_found');
  });

  it('runs actions as the account that is named, and pages through lists', async () => {
    const user = await linked('petra');
    await user.integrations.create('sandbox', key('grace'), { name: 'home' });
    const mine = await user.execute({ connector: 'sandbox', entity: 'profile', action: 'get' });
    expect([mine.data, mine.meta.integration]).toMatchObject([{ id: 'ada' }, 'work']);
    const call = user.connect('sandbox').action('profile', 'get');
    expect((await call.identifier('home').execute<{ id: string }>()).data.id).toBe('grace');
    expect((await call.execute<{ id: string }>()).data.id).toBe('ada');
    expect((await failureOf(call.identifier('hom').execute())).code).toBe('integration_unknown');
    const first = await user.execute({ connector: 'sandbox', entity: 'tickets', action: 'list', params: { limit: 3 } });
    expect([first.hasNext, (first.data as unknown[]).length]).toEqual([true, 3]);
    const second = await first.nextPage();
    expect(second.data).not.toEqual(first.data);
    const all = await first.getAllItems();
    expect(all.length).toBeGreaterThan(6);
    expect(new Set(all.map((it) => (it as { id: string }).id)).size).toBe(all.length);
  });

  it('makes a call under a key once, also when its answer is lost on the way back', async () => {
    await linked('klara');
    const written = () => sandbox.observed.apiCalls.filter((it) => it.method === 'POST').length;
    const before = written();
    let isLost = true;
    const losing = new Tieline({
      apiBaseUrl: stage.url,
      apiKey: acme.key,
      maxAttempts: 3,
      async fetch(url, init) {
        const response = await fetch(url, init);
        if (!String(url).endsWith('/execute') || !isLost) return response;
        isLost = false;
        throw new TypeError('fetch failed');
      },
    });
    const klara = losing.customer('klara');
    const create = { connector: 'sandbox', entity: 'tickets', action: 'create', params: { title: 'Once' } };
    const first = await klara.execute({ ...create, idempotencyKey: 'order-1' });
    expect(isLost).toBe(false);
    const call = klara.connect('sandbox').action('tickets', 'create').idempotencyKey('order-1');
    expect((await call.params({ title: 'Once' }).execute()).data).toEqual(first.data);
    expect((await failureOf(call.params({ title: 'Twice' }).execute())).code).toBe('idempotency_conflict');
    expect(written()).toBe(before + 1);
  });

  it('gets files as bytes', async () => {
    const user = await linked('fiona');
    const file = { name: 'a.txt', text: 'Grüße' };
    const params = { file };
    const made = await user.execute({ connector: 'sandbox', entity: 'files', action: 'upload', params });
    const { id: fileId } = made.data as { id: string };
    const got = await user.execute({ connector: 'sandbox', entity: 'files', action: 'download', params: { fileId } });
    expect(got.file?.name).toBe('a.txt');
    expect(new TextDecoder().decode(got.file?.bytes)).toBe('Grüße');
  });

  it('logs in again shortly before the token ends, once for all who wait', async () => {
    const { secret } = await tieline.createUser('lena');
    const logins: string[] = [];
    const watched = new Tieline({
      apiBaseUrl: stage.url,
      apiKey: acme.key,
      fetch: async (url, init) => {
        const response = await fetch(url, init);
        if (!String(url).endsWith('/auth/token')) return response;
        logins.push(String(url));
        // A server whose tokens end at once: every use needs another one.
        const soon = logins.length < 3 ? Date.now() + 30_000 : Date.now() + 3_600_000;
        return Response.json({ ...((await response.json()) as object), expires_at: new Date(soon).toISOString() });
      },
    });
    const user = await watched.authenticate('lena', secret);
    expect(logins).toHaveLength(1);
    await Promise.all([user.me(), user.me(), user.me()]);
    expect(logins).toHaveLength(2);
    await user.me();
    expect(logins).toHaveLength(3);
    await user.me();
    expect(logins).toHaveLength(3);
    expect(user.expiresAt?.getTime()).toBeGreaterThan(Date.now() + 3_000_000);
  });

  it('logs in again when a token is refused, and gives up when that does not help', async () => {
    const made = await tieline.createUser('nora');
    const user = await tieline.authenticate('nora', made.secret);
    const lone = tieline.user(user.token);
    expect(await lone.me()).toMatchObject({ id: made.id });
    stage.later(2 * 3_600_000);
    try {
      expect((await failureOf(lone.me())).code).toBe('unauthenticated');
      expect(await user.me()).toMatchObject({ id: made.id });
    } finally {
      stage.later(-2 * 3_600_000);
    }
    await tieline.users.disable(made.id);
    expect((await failureOf(user.me())).code).toBe('login_failed');
    expect((await failureOf(() => Promise.resolve(tieline.user('a b')))).code).toBe('usage');
  });

  it('does not log in again for an answer that comes late', async () => {
    const { secret } = await tieline.createUser('tina');
    let logins = 0;
    let isLate = false;
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const watched = new Tieline({
      apiBaseUrl: stage.url,
      apiKey: acme.key,
      fetch: async (url, init) => {
        if (String(url).endsWith('/auth/token')) logins += 1;
        const response = await fetch(url, init);
        if (!isLate && response.status === 401) {
          isLate = true;
          await held;
        }
        return response;
      },
    });
    const user = await watched.authenticate('tina', secret);
    stage.later(2 * 3_600_000);
    try {
      const both = [user.me(), user.me()];
      await Promise.race(both);
      release();
      await Promise.all(both);
      expect(logins).toBe(2);
    } finally {
      stage.later(-2 * 3_600_000);
    }
  });

  it('never reaches what is another one’s', async () => {
    const rita = await linked('owner');
    const { id } = await rita.integrations.get('sandbox', 'work');
    const other = await linked('other', 'grace');
    expect((await other.integrations.list()).map((it) => it.id)).not.toContain(id);
    const rival = new Tieline({ apiBaseUrl: stage.url, apiKey: (await stage.tenant('rival')).key });
    expect(await rival.customer('owner').integrations.list()).toEqual([]);
    const call = { connector: 'sandbox', entity: 'profile', action: 'get' };
    expect((await failureOf(rival.customer('owner').execute(call))).code).toBe('user_unknown');
  });
});

describe('a program for its customers', () => {
  it('makes them with their first account, and acts for them', async () => {
    const nina = tieline.customer('nina');
    expect(await nina.integrations.list()).toEqual([]);
    expect(await nina.integrations.has('sandbox')).toBe(false);
    expect((await failureOf(nina.integrations.get('sandbox'))).code).toBe('integration_required');
    await nina.integrations.create('sandbox', key('grace'), { name: 'work' });
    expect(await tieline.users.find('nina')).toMatchObject({ identifier: 'nina' });
    const result = await nina.connect('sandbox').action('profile', 'get').execute();
    expect(result.data).toMatchObject({ id: 'grace' });
  });

  it('has one connector of one customer as an object', async () => {
    await tieline.customer('otto').integrations.create('sandbox', key('ada'), { name: 'work' });
    await tieline.customer('otto').integrations.create('sandbox', key('grace'), { name: 'home' });
    const options = { apiBaseUrl: stage.url, apiKey: acme.key, customerName: 'otto' };
    await using own = connector('sandbox', options);
    expect((await own.execute('profile', 'get')).data).toMatchObject({ id: 'ada' });
    expect(await own.check()).toBe(true);
    expect((await own.describe()).name).toBe('sandbox');
    const home = connector('sandbox', { ...options, identifier: 'home' });
    expect((await home.execute('profile', 'get')).data).toMatchObject({ id: 'grace' });
    const error = await failureOf(home.execute('tickets', 'get', { ticket: 'tkt_1' }));
    expect([error.code, error.requestId]).toEqual(['arguments_invalid', expect.any(String)]);
  });

  it('repeats reads and never writes', async () => {
    await tieline.customer('max').integrations.create('sandbox', key('ada'), { name: 'work' });
    const seen: string[] = [];
    const failing = new Tieline({
      apiBaseUrl: stage.url,
      apiKey: acme.key,
      maxAttempts: 2,
      fetch: async (url, init) => {
        if (String(url).endsWith('/execute')) {
          seen.push(String(JSON.parse(String(init?.body)).action));
          if (seen.length % 2 === 1) return Response.json({}, { status: 503, headers: { 'retry-after': '0' } });
        }
        return fetch(url, init);
      },
    });
    const max = failing.customer('max');
    await max.execute({ connector: 'sandbox', entity: 'profile', action: 'get' });
    expect(seen).toEqual(['get', 'get']);
    seen.length = 0;
    const create = { connector: 'sandbox', entity: 'tickets', action: 'create', params: { title: 'Once' } };
    expect((await failureOf(max.execute(create))).code).toBe('server_unreachable');
    expect(seen).toEqual(['create']);
  });
});
