import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { sandboxConnector } from '../execute/stage.ts';
import { type HttpStage, openHttpStage, type Tenant } from './stage.ts';

const PATH = '/integrations/connectors';
let sandbox: Sandbox;
let stage: HttpStage;
let acme: Tenant;
beforeAll(async () => {
  sandbox = await startSandbox();
  const app = { baseUrl: sandbox.url, clientId: sandbox.clientId, clientSecret: sandbox.clientSecret };
  stage = await openHttpStage({ connectors: [await sandboxConnector()], app });
  acme = await stage.tenant('acme');
});
afterAll(async () => {
  await stage.close();
  await sandbox.close();
});

const link = (customer: string, person: string, more: object = {}) =>
  stage.request('POST', PATH, {
    as: acme,
    body: {
      customer_name: customer,
      connector_type: 'Sandbox',
      credentials: { apiKey: sandbox.apiKey(person) },
      ...more,
    },
  });

describe('integrations', () => {
  it('link an account for a customer who is made on the way, try it, and never show the credentials', async () => {
    const made = await link('first', 'ada');
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      customer_name: 'first',
      connector_type: 'sandbox',
      identifier: 'ada',
      is_default: true,
      auth_option: 'key',
      status: 'active',
    });
    expect(made.text).not.toContain(sandbox.apiKey('ada'));
    const got = await stage.request('GET', `${PATH}/${made.body.id}`, { as: acme });
    expect(got.body).toEqual(made.body);
    const tested = await stage.request('POST', `${PATH}/${made.body.id}/test`, { as: acme });
    expect(tested.body).toEqual({ tested: true });
  });

  it('run actions by id, and by connector and identifier as the user', async () => {
    const user = await stage.user(acme, 'runner');
    const ada = await link('runner', 'ada', { name: 'work' });
    await link('runner', 'grace', { name: 'home' });
    const call = { entity: 'profile', action: 'get', params: {} };
    const byId = await stage.request('POST', `${PATH}/${ada.body.id}/execute`, { as: acme, body: call });
    expect(byId.body).toMatchObject({ data: { id: 'ada' }, meta: { integration: 'work' } });
    const path = '/connectors/sandbox/execute';
    const byDefault = await stage.request('POST', path, { as: user.token, body: call });
    expect(byDefault.body.meta.integration).toBe('work');
    const named = await stage.request('POST', path, { as: user.token, body: { ...call, identifier: 'home' } });
    expect(named.body).toMatchObject({ data: { id: 'grace' }, meta: { integration: 'home' } });
    const wrong = await stage.request('POST', path, { as: user.token, body: { ...call, identifier: 'nowhere' } });
    expect(wrong).toMatchObject({ status: 404, body: { code: 'integration_unknown' } });
    const actingFor = await stage.request('POST', path, { as: acme, body: { ...call, customer_name: 'runner' } });
    expect(actingFor.body.data.id).toBe('ada');
  });

  it('are renamed, made the default, kept from serving, and removed', async () => {
    const user = await stage.user(acme, 'changer');
    const [ada, grace] = [await link('changer', 'ada'), await link('changer', 'grace')];
    const patch = (id: string, body: object) => stage.request('PATCH', `${PATH}/${id}`, { as: user.token, body });
    expect((await patch(grace.body.id, { identifier: 'boss', is_default: true })).body).toMatchObject({
      identifier: 'boss',
      is_default: true,
    });
    expect((await patch(ada.body.id, { disabled: true })).body).toMatchObject({
      status: 'disabled',
      is_default: false,
    });
    const taken = await patch(ada.body.id, { identifier: 'boss' });
    expect(taken).toMatchObject({ status: 409, body: { code: 'integration_exists' } });
    expect((await stage.request('DELETE', `${PATH}/${grace.body.id}`, { as: user.token })).status).toBe(204);
    const left = await stage.request('GET', PATH, { as: user.token });
    expect(left.body.data).toMatchObject([{ id: ada.body.id, is_default: true }]);
  });

  it('take new credentials of the same account only', async () => {
    const made = await link('again', 'ada');
    const reconnect = (person: string) =>
      stage.request('POST', `${PATH}/${made.body.id}/reconnect`, {
        as: acme,
        body: { credentials: { apiKey: sandbox.apiKey(person) } },
      });
    expect((await reconnect('ada')).body).toMatchObject({ id: made.body.id, status: 'active' });
    expect(await reconnect('grace')).toMatchObject({ status: 409, body: { code: 'identity_mismatch' } });
  });

  it.each([
    ['a wrong key', { credentials: { apiKey: 'sandbox_wrong_key_0123456789' } }, 422, 'token_rejected'],
    ['no credentials where a person signs in', { auth_option: 'oauth' }, 400, 'arguments_invalid'],
    ['a field nobody knows', { credentials: { apiKye: 'x' } }, 400, 'arguments_invalid'],
    ['a connector nobody knows', { connector_type: 'sandbocks' }, 404, 'connector_unknown'],
    ['an identifier nobody can see', { name: '\u0007' }, 400, 'arguments_invalid'],
  ])('store nothing for %s', async (_, more, status, code) => {
    const failed = await link('nothing', 'ada', more);
    expect(failed).toMatchObject({ status, body: { code, status } });
    const all = await stage.request('GET', `${PATH}?customer_name=nothing`, { as: acme });
    expect([200, 404]).toContain(all.status);
    expect(all.body.data ?? []).toEqual([]);
  });

  it('are listed by pages, for one user and for all', async () => {
    const tenant = await stage.tenant('lister');
    for (const customer of ['a', 'b', 'c']) {
      for (const person of ['ada', 'grace']) {
        await stage.request('POST', PATH, {
          as: tenant,
          body: {
            customer_name: customer,
            connector_type: 'sandbox',
            credentials: { apiKey: sandbox.apiKey(person) },
          },
        });
      }
    }
    const found: string[] = [];
    let cursor = '';
    do {
      const page = await stage.request('GET', `${PATH}?limit=2${cursor && `&cursor=${encodeURIComponent(cursor)}`}`, {
        as: tenant,
      });
      found.push(
        ...page.body.data.map((it: { customer_name: string; identifier: string }) => it.customer_name + it.identifier),
      );
      cursor = page.body.next_cursor ?? '';
    } while (cursor !== '');
    expect(found).toEqual(['aada', 'agrace', 'bada', 'bgrace', 'cada', 'cgrace']);
    const one = await stage.request('GET', `${PATH}?customer_name=b&limit=1`, { as: tenant });
    expect(one.body.data).toHaveLength(1);
    const foreign = await stage.request('GET', `${PATH}?cursor=${encodeURIComponent(one.body.next_cursor)}`, {
      as: tenant,
    });
    expect(foreign).toMatchObject({ status: 400, body: { code: 'cursor_invalid' } });
  });

  it('go with their user, whatever connectors those are at', async () => {
    const user = await stage.user(acme, 'leaver');
    const made = await link('leaver', 'ada');
    expect((await stage.request('DELETE', `/users/${user.id}`, { as: acme })).status).toBe(204);
    expect((await stage.request('GET', `${PATH}/${made.body.id}`, { as: acme })).status).toBe(404);
    expect((await stage.request('GET', '/me', { as: user.token })).status).toBe(401);
    const again = await stage.user(acme, 'leaver');
    expect((await stage.request('GET', PATH, { as: again.token })).body.data).toEqual([]);
  });
});
