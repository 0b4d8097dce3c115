import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Credential } from '../../src/auth/credential.ts';
import { buildCatalog } from '../../src/connector/catalog.ts';
import type { Connector } from '../../src/connector/connector.ts';
import { connectAccount } from '../../src/execute/connect.ts';
import { accountStatus } from '../../src/execute/health.ts';
import {
  credentialKey,
  readIntegrations,
  removeIntegration,
  renameIntegration,
  setDefaultIntegration,
  setDisabled,
} from '../../src/integration/accounts.ts';
import type { Integration } from '../../src/integration/integration.ts';
import { scrub } from '../../src/secret.ts';
import {
  alice,
  bob,
  connectorOf,
  failureOf,
  openStage,
  type Provider,
  reading,
  type Stage,
  startProvider,
  things,
} from './stage.ts';

const WORK = 'work-token-0123456789';
const HOME = 'home-token-9876543210';

/** Of the account that is used, and of the connector that uses it. */
let provider: Provider;
let thief: Provider;

beforeAll(async () => {
  provider = await startProvider();
  thief = await startProvider();
});
afterAll(() => Promise.all([provider.close(), thief.close()]));
beforeEach(() => {
  for (const it of [provider, thief]) {
    it.answer(({ headers }) => ({ body: { said: headers.authorization ?? null } }));
    it.seen.length = 0;
  }
});

type Parts = Record<string, unknown>;

/** The connector whose accounts are used, with a token and a client of its own. */
const desk = (parts: Parts = {}): Connector =>
  connectorOf({
    connector: 'desk',
    server: { baseUrl: provider.origin },
    auth: {
      options: {
        token: { title: 'Token', type: 'bearer' },
        client: {
          title: 'Client',
          type: 'oauth2',
          grant: 'client_credentials',
          methods: {
            getOAuthConfig: { mapping: { clientId: 'c', clientSecret: 's', tokenUri: `${provider.origin}/token` } },
          },
        },
      },
    },
    ...parts,
  });

const delegated = { title: 'An account of Desk', type: 'proxy', connector: 'desk' };
const ask = (request: Parts, more: Parts = {}) => ({ ...reading, request, ...more });

/** The connector that uses them: its definition is written by somebody else. */
const helper = (parts: Parts = {}): Connector =>
  connectorOf({
    connector: 'helper',
    server: { baseUrl: provider.origin, allowHosts: [thief.host] },
    auth: { options: { desk: delegated } },
    entities: things({ get: ask({ path: '/thing' }) }),
    ...parts,
  });

async function stageOf(own: Connector = helper(), other: Connector = desk()): Promise<Stage> {
  const stage = await openStage([own, other]);
  onTestFinished(() => stage.close());
  return stage;
}

async function linked(own?: Connector, other?: Connector): Promise<Stage> {
  const stage = await stageOf(own, other);
  await stage.link('desk', { input: { token: WORK }, identifier: 'work' });
  await stage.link('desk', { input: { token: HOME }, identifier: 'home' });
  await stage.link('helper', { input: {} });
  provider.seen.length = 0;
  return stage;
}

const tokensSeen = () => provider.seen.map((it) => it.headers.authorization);

describe('which account is used', () => {
  it.each([
    ['the default one', {}, WORK],
    ['the default one, where the field was left blank', { integration: '' }, WORK],
    ['the one that is named', { integration: 'home' }, HOME],
  ])('%s', async (_, input, token) => {
    const stage = await linked();
    await stage.link('helper', { input, identifier: 'other' });
    await stage.call('things.get', {}, { identifier: 'other' });
    expect(tokensSeen()).toEqual([`Bearer ${token}`]);
  });

  it('is settled when it is connected', async () => {
    const stage = await linked();
    const { keystore } = stage.engine;
    await setDefaultIntegration(keystore, alice, 'desk', 'home');
    await renameIntegration(keystore, alice, 'desk', 'work', 'old');
    await renameIntegration(keystore, alice, 'desk', 'home', 'work');
    await stage.call('things.get');
    expect(tokensSeen()).toEqual([`Bearer ${WORK}`]);
  });

  it.each([
    ['somebody else’s, by its name', 'theirs'],
    ['somebody else’s, by its id', 'id'],
    ['one that is not there', 'nothing'],
  ])('never %s', async (_, name) => {
    const stage = await linked();
    const theirs = await stage.link('desk', { who: bob, input: { token: 'bobs-token-000000' }, identifier: 'theirs' });
    const integration = name === 'id' ? theirs.id : name;
    const error = await failureOf(stage.link('helper', { input: { integration }, identifier: 'other' }));
    expect(error).toMatchObject({
      code: 'integration_unknown',
      message: `desk has no integration "${integration}"`,
      hint: 'Use one of: work, home',
    });
    const { items } = await readIntegrations(stage.engine.keystore, alice, 'helper', Date.now());
    expect(items).toHaveLength(1);
  });

  it('never one whose id was put under the account of another user', async () => {
    const stage = await linked();
    const theirs = await stage.link('desk', { who: bob, input: { token: 'bobs-token-000000' }, identifier: 'theirs' });
    const { keystore } = stage.engine;
    const [own] = (await readIntegrations(keystore, alice, 'helper', Date.now())).items;
    const key = credentialKey(alice, 'helper', own?.id ?? '');
    const stored = await keystore.read<Credential>(key);
    await keystore.write(key, { ...stored?.value, input: { integration: theirs.id } });
    provider.seen.length = 0;
    const error = await failureOf(stage.call('things.get'));
    expect(error.code).toBe('reauthorization_required');
    expect(provider.seen).toEqual([]);
  });

  it('never one that the definition chose by itself', async () => {
    const methods = { getCredentialsFromConnectionParameters: { mapping: { integration: 'home', token: 'x' } } };
    const stage = await linked(helper({ auth: { options: { desk: { ...delegated, methods } } } }));
    await stage.call('things.get');
    expect(tokensSeen()).toEqual([`Bearer ${WORK}`]);
  });

  it('is tried when it is connected, and asked who it is', async () => {
    provider.answer(({ headers }) =>
      headers.authorization === `Bearer ${WORK}` ? { body: { id: 7, name: 'ada' } } : { status: 401 },
    );
    const identity = { request: { path: '/me' }, key: '{{ response.body.id }}', label: '{{ response.body.name }}' };
    const stage = await stageOf(helper({ identity }));
    await stage.link('desk', { input: { token: WORK }, identifier: 'work' });
    await stage.link('desk', { input: { token: HOME }, identifier: 'home' });
    const { account } = await stage.link('helper', { input: { integration: 'work' } });
    expect(account).toEqual({ key: '7', label: 'ada', identifier: 'ada' });
    const error = await failureOf(stage.link('helper', { input: { integration: 'home' }, identifier: 'other' }));
    expect(error.code).toBe('token_rejected');
  });
});

describe('a definition', () => {
  const ROOTS = ['app', 'input', 'secrets', 'settings', 'credentials', 'account', 'args', 'response', 'steps', 'user'];
  const everything = `[${ROOTS.map((it) => `typeof ${it} === 'undefined' ? null : ${it}`).join(', ')}]`;
  const all = `JSON.stringify(${everything})`;
  const backwards = (it: string) => [...it].reverse().join('');

  /** All that the definition can lay hands on, as it is and in a form that nobody would find again. */
  const disguised = `{{ ((it) => [it, it.split('').reverse().join('')])(${all}) }}`;

  async function spy(parts: Parts, other?: Connector): Promise<string> {
    const stage = await linked(helper(parts), other);
    const { data } = await stage.call('things.get');
    expect(tokensSeen().at(-1)).toBe(`Bearer ${WORK}`);
    const sent = [...provider.seen, ...thief.seen].map((it) => {
      const { authorization: _, ...headers } = it.headers;
      return JSON.stringify([it.path, headers, it.body.toString()]);
    });
    return [JSON.stringify(data), ...sent].join('\n');
  }

  it.each<[string, Parts]>([
    ['its results', { entities: things({ get: ask({ path: '/thing' }, { result: { value: { seen: disguised } } }) }) }],
    [
      'what it sends',
      {
        entities: things({
          get: ask({
            method: 'POST',
            path: '/thing',
            query: { q: disguised },
            headers: { 'X-Seen': `{{ encodeURIComponent(${all}) }}` },
            json: { all: disguised },
          }),
        }),
      },
    ],
    [
      'a step after one that was answered with the token',
      {
        entities: things({
          get: {
            ...reading,
            steps: [
              { id: 'first', request: { path: '/thing' } },
              {
                id: 'second',
                request: { method: 'POST', path: '/thing', json: { first: '{{ steps.first }}', all: disguised } },
              },
            ],
            result: { value: { all: disguised } },
          },
        }),
      },
    ],
    [
      'what it adds to every request',
      {
        auth: {
          options: {
            desk: {
              ...delegated,
              methods: {
                makeApiClient: {
                  javascript: `(all) => ({ headers: { 'X-All': encodeURIComponent(JSON.stringify(all)), Authorization: 'mine' } })`,
                },
              },
            },
          },
        },
      },
    ],
    [
      'its functions',
      {
        functions: { look: `(it) => JSON.stringify([it, typeof globalThis, Object.keys(globalThis)])` },
        entities: things({
          get: ask({ path: '/thing' }, { result: { value: { seen: '{{ look(credentials) + look(response) }}' } } }),
        }),
      },
    ],
  ])('does not see the credentials in %s', async (_, parts) => {
    const seen = await spy(parts);
    for (const secret of [WORK, backwards(WORK), encodeURIComponent(WORK), Buffer.from(WORK).toString('base64')]) {
      expect(seen).not.toContain(secret);
    }
    expect(seen).toContain('[secret]');
  });

  it('does not see them in a file either, nor the cookies that come with the answer', async () => {
    provider.answer(({ headers }) => ({
      headers: { 'set-cookie': 'session=cookie-0123456789', 'x-said': `${headers.authorization}` },
      text: `you sent ${headers.authorization}`,
    }));
    const file = { name: 'echo.txt', mimeType: 'text/plain' };
    const get = ask({ path: '/thing' }, { result: { file } });
    const headers = ask(
      { path: '/thing' },
      { result: { value: "{{ JSON.stringify(response.headers).split('').reverse().join('') }}" } },
    );
    const stage = await linked(helper({ entities: things({ get, headers }) }));
    const outcome = await stage.call('things.get');
    expect(Buffer.from(outcome.file?.bytes ?? '').toString()).toBe('you sent [secret]');
    const { data } = await stage.call('things.headers');
    expect(data).toContain(backwards('[secret]'));
    for (const secret of [WORK, 'cookie-0123456789']) expect(data).not.toContain(backwards(secret));
  });

  it('does not see them in the events of a stream, nor while it comes', async () => {
    provider.answer(({ headers }) => ({
      headers: { 'content-type': 'text/event-stream' },
      text: `data: "${headers.authorization}"\n\ndata: "last"\n\n`,
    }));
    const until = `{{ event.data.includes('${WORK.slice(0, 6)}') }}`;
    const stage = await linked(helper({ entities: things({ get: ask({ path: '/thing', stream: true, until }) }) }));
    expect((await stage.call('things.get')).data).toEqual([
      { event: 'message', data: '[secret]' },
      { event: 'message', data: 'last' },
    ]);
  });

  it('sees nothing of what the operator and the user gave for the other connector', async () => {
    const key = { title: 'Key', type: 'api_key', name: 'X-Key', value: '{{ secrets.apiKey + app.suffix }}' };
    const stage = await stageOf(
      helper({ entities: things({ get: ask({ path: '/thing' }, { result: { value: { seen: disguised } } }) }) }),
      desk({ auth: { options: { key } } }),
    );
    const suffix = '-suffix-of-the-app';
    const app = async (connector: string) => (connector === 'desk' ? { suffix } : {});
    Object.assign(stage.engine, { app });
    await stage.link('desk', { input: { apiKey: WORK }, identifier: 'work' });
    await stage.link('helper', { input: {} });
    provider.answer(({ headers }) => ({ body: { ok: headers['x-key'] === WORK + suffix } }));
    const text = JSON.stringify((await stage.call('things.get')).data);
    expect(text).toContain('ok');
    for (const secret of [WORK, backwards(WORK), suffix, backwards(suffix)]) expect(text).not.toContain(secret);
  });

  it('gets what the other connector adds to every request, but not where its paths begin', async () => {
    const makeApiClient = {
      mapping: { baseUri: `${provider.origin}/v2`, headers: { 'X-Tenant': 't-{{ input.token }}' } },
    };
    const stage = await linked(
      helper(),
      desk({ auth: { methods: { makeApiClient }, options: { token: { title: 'T', type: 'bearer' } } } }),
    );
    await stage.call('things.get');
    expect(provider.seen).toMatchObject([{ path: '/thing', headers: { 'x-tenant': `t-${WORK}` } }]);
  });

  it('cannot say what a failure is in words that hold the token', async () => {
    provider.answer(({ headers }) => ({ status: 422, body: { message: `bad ${headers.authorization}` } }));
    const errors = [
      { when: { status: 422 }, code: 'conflict', message: "{{ response.body.message.split('').join('-') }}" },
    ];
    const stage = await linked(helper({ errors }));
    const { message } = await failureOf(stage.call('things.get'));
    expect(message).not.toContain(WORK.split('').join('-'));
    expect(scrub(WORK)).toBe('[secret]');
  });
});

describe('where the credentials go', () => {
  const others = things({
    get: ask(
      { url: '{{ args.to }}', followRedirects: true },
      {
        params: { type: 'object', properties: { to: { type: 'string' } } },
      },
    ),
  });

  it('is never a host that only this connector declares', async () => {
    const stage = await linked(helper({ entities: others }));
    const error = await failureOf(stage.call('things.get', { to: `${thief.origin}/take` }));
    expect(error).toMatchObject({ code: 'target_forbidden', message: expect.stringContaining(thief.host) });
    expect([...provider.seen, ...thief.seen]).toEqual([]);
  });

  it('is never a host that only the other one declares', async () => {
    const stage = await linked(
      helper({ server: { baseUrl: provider.origin }, entities: others }),
      desk({ server: { baseUrl: provider.origin, allowHosts: [thief.host] } }),
    );
    expect((await failureOf(stage.call('things.get', { to: `${thief.origin}/take` }))).code).toBe('target_forbidden');
    expect(thief.seen).toEqual([]);
  });

  it('is one that both declare', async () => {
    const stage = await linked(
      helper({ entities: others }),
      desk({ server: { baseUrl: provider.origin, allowHosts: [thief.host] } }),
    );
    await stage.call('things.get', { to: `${thief.origin}/shared` });
    expect(thief.seen[0]?.headers.authorization).toBe(`Bearer ${WORK}`);
  });

  it.each(['server', 'client'])('is never a base URL of this connector’s own: by its %s', async (by) => {
    const makeApiClient = { mapping: { baseUri: thief.origin } };
    const own =
      by === 'server'
        ? helper({ server: { baseUrl: thief.origin } })
        : helper({ auth: { options: { desk: { ...delegated, methods: { makeApiClient } } } } });
    const stage = await linked(own);
    expect((await failureOf(stage.call('things.get'))).code).toBe('target_forbidden');
    expect(thief.seen).toEqual([]);
  });

  it('is never the same host without encryption, where the account’s own API has it', async () => {
    const stage = await linked(helper(), desk({ server: { baseUrl: `https://${provider.host}` } }));
    const error = await failureOf(stage.call('things.get'));
    expect(error).toMatchObject({ code: 'target_forbidden', message: expect.stringContaining('over https only') });
    expect(provider.seen).toEqual([]);
  });

  it('does not follow a redirect', async () => {
    provider.answer(() => ({ status: 302, headers: { location: `${thief.origin}/take` } }));
    const stage = await linked(helper({ entities: others }));
    await stage.call('things.get', { to: `${provider.origin}/moved` }).catch(() => {});
    expect(tokensSeen()).toEqual([`Bearer ${WORK}`]);
    for (const { headers, path } of thief.seen) expect(`${path} ${JSON.stringify(headers)}`).not.toContain(WORK);
  });
});

describe('a credential of the account', () => {
  it('is refreshed when it is refused, once, in its own place', async () => {
    let tokens = 0;
    let accepted = 'client-token-1';
    provider.answer(({ path, headers }) => {
      if (path !== '/token')
        return headers.authorization === `Bearer ${accepted}` ? { body: { ok: 1 } } : { status: 401 };
      tokens += 1;
      return { body: { access_token: `client-token-${tokens}`, token_type: 'Bearer', expires_in: 3_600 } };
    });
    const stage = await stageOf();
    const account = await stage.link('desk', { option: 'client', input: {}, identifier: 'work' });
    const own = await stage.link('helper', { input: {} });
    const { keystore } = stage.engine;
    const version = async (it: Integration) =>
      (await keystore.read<Credential>(credentialKey(alice, it.connector, it.id)))?.value.version;
    const before = [await version(account), await version(own)];
    accepted = 'client-token-2';
    await Promise.all([1, 2, 3].map(() => stage.call('things.get')));
    expect(tokens).toBe(2);
    expect([await version(account), await version(own)]).toEqual([Number(before[0]) + 1, before[1]]);
    const [, mine] = [account, await keystore.read<Credential>(credentialKey(alice, 'helper', own.id))];
    expect(mine?.value).toMatchObject({ input: { integration: account.id }, values: { integration: account.id } });
  });

  it('that cannot be refreshed ends the call with what the provider said', async () => {
    const stage = await linked();
    provider.answer(() => ({ status: 401 }));
    expect((await failureOf(stage.call('things.get'))).code).toBe('token_rejected');
    expect(provider.seen).toHaveLength(1);
  });

  it('that is lost is named, with the command that mends it', async () => {
    const stage = await linked();
    const { keystore } = stage.engine;
    const [work] = (await readIntegrations(keystore, alice, 'desk', Date.now())).items;
    await keystore.delete(credentialKey(alice, 'desk', work?.id ?? ''));
    expect(await failureOf(stage.call('things.get'))).toMatchObject({
      code: 'reauthorization_required',
      message: 'desk work: the account has no stored credentials',
      hint: 'Connect that account again: tieline connect desk --identifier work --reconnect',
    });
  });
});

describe('an account that cannot be used', () => {
  const status = async (stage: Stage) => {
    const { items } = await readIntegrations(stage.engine.keystore, alice, 'helper', Date.now());
    return Promise.all(items.map((it) => accountStatus(stage.engine, alice, it)));
  };

  it('as it was removed', async () => {
    const stage = await linked();
    expect(await status(stage)).toEqual([{ status: 'active' }]);
    await removeIntegration(stage.engine.keystore, alice, 'desk', 'work');
    const message = 'the desk account that helper used is no longer there';
    const hint = 'Connect the account again: tieline connect helper --identifier main --reconnect';
    expect(await failureOf(stage.call('things.get'))).toMatchObject({
      code: 'reauthorization_required',
      message,
      hint,
    });
    expect(provider.seen).toEqual([]);
    expect(await status(stage)).toEqual([{ status: 'reauth_required', cause: message, nextStep: hint }]);
    await removeIntegration(stage.engine.keystore, alice, 'helper', 'main');
  });

  it('as it is disabled', async () => {
    const stage = await linked();
    await setDisabled(stage.engine.keystore, alice, 'desk', 'work', Date.now());
    expect((await failureOf(stage.call('things.get'))).code).toBe('integration_disabled');
    expect(await status(stage)).toMatchObject([{ status: 'disabled' }]);
  });

  it('as none is connected yet', async () => {
    const stage = await stageOf();
    const error = await failureOf(stage.link('helper', { input: {} }));
    expect(error).toMatchObject({
      code: 'integration_required',
      hint: expect.stringContaining('tieline connect desk'),
    });
  });

  it('as there is no such connector', async () => {
    const stage = await linked();
    stage.engine.catalog = buildCatalog([helper()]);
    const known = { code: 'config_invalid', message: 'helper uses accounts of desk, and there is no connector desk' };
    expect(await failureOf(stage.call('things.get'))).toMatchObject(known);
    expect(await failureOf(stage.link('helper', { input: {}, identifier: 'other' }))).toMatchObject(known);
    expect(await status(stage)).toMatchObject([{ status: 'error', cause: known.message }]);
  });

  it('as it uses another one itself', async () => {
    const relay = connectorOf({
      connector: 'relay',
      server: { baseUrl: provider.origin },
      auth: { options: { helper: { title: 'Helper', type: 'proxy', connector: 'helper' } } },
    });
    const mixed = { token: { title: 'Token', type: 'bearer' }, desk: delegated };
    const stage = await openStage([relay, helper({ auth: { options: mixed } }), desk()]);
    onTestFinished(() => stage.close());
    await stage.link('desk', { input: { token: WORK }, identifier: 'work' });
    await stage.link('helper', { option: 'desk', input: {}, identifier: 'relayed' });
    const wanted = /^helper \S+ uses another account itself, so relay cannot use it$/;
    const error = await failureOf(stage.link('relay', { input: {} }));
    expect(error).toMatchObject({ code: 'arguments_invalid', message: expect.stringMatching(wanted) });
    // An account may become one later.
    await stage.link('helper', { option: 'token', input: { token: HOME }, identifier: 'direct' });
    await stage.link('relay', { input: { integration: 'direct' } });
    await connectAccount(stage.engine, alice, {
      connector: 'helper',
      option: 'desk',
      identifier: 'direct',
      input: {},
      reconnect: true,
    });
    const later = await failureOf(stage.call('things.get'));
    expect(later).toMatchObject({ code: 'reauthorization_required', message: expect.stringMatching(wanted) });
  });

  it('as it is of the connector itself, through the same option', async () => {
    const own = { options: { token: { title: 'T', type: 'bearer' }, me: { ...delegated, connector: 'helper' } } };
    const stage = await openStage([helper({ auth: own })]);
    onTestFinished(() => stage.close());
    await stage.link('helper', { option: 'token', input: { token: WORK }, identifier: 'first' });
    await stage.link('helper', { option: 'me', input: {}, identifier: 'second' });
    const error = await failureOf(
      stage.link('helper', { option: 'me', input: { integration: 'second' }, identifier: 'third' }),
    );
    expect(error.code).toBe('arguments_invalid');
  });
});
