import { describe, expect, it, onTestFinished } from 'vitest';
import type { Credential } from '../../src/auth/credential.ts';
import { buildCatalog } from '../../src/connector/catalog.ts';
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
import { bothConnectors, delegated, HOME, WORK } from './proxystage.ts';
import { alice, bob, connectorOf, failureOf, openStage, type Stage } from './stage.ts';

const both = bothConnectors();
const { desk, helper, linked, stageOf, tokensSeen } = both;

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
    both.provider.seen.length = 0;
    const error = await failureOf(stage.call('things.get'));
    expect(error.code).toBe('reauthorization_required');
    expect(both.provider.seen).toEqual([]);
  });

  it('never one that the definition chose by itself', async () => {
    const methods = { getCredentialsFromConnectionParameters: { mapping: { integration: 'home', token: 'x' } } };
    const stage = await linked(helper({ auth: { options: { desk: { ...delegated, methods } } } }));
    await stage.call('things.get');
    expect(tokensSeen()).toEqual([`Bearer ${WORK}`]);
  });

  it('is tried when it is connected, and asked who it is', async () => {
    both.provider.answer(({ headers }) =>
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

describe('a credential of the account', () => {
  it('is refreshed when it is refused, once, in its own place', async () => {
    let tokens = 0;
    let accepted = 'client-token-1';
    both.provider.answer(({ path, headers }) => {
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
    both.provider.answer(() => ({ status: 401 }));
    expect((await failureOf(stage.call('things.get'))).code).toBe('token_rejected');
    expect(both.provider.seen).toHaveLength(1);
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
    expect(both.provider.seen).toEqual([]);
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
      server: { baseUrl: both.provider.origin },
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
