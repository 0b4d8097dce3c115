import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sandboxConnector } from '../../execute/stage.ts';
import { openHttpStage } from '../stage.ts';
import { openBrowser } from './browser.ts';
import { openSignInStage, RETURN, type SignInStage, signedIn } from './signinstage.ts';

let links: SignInStage;

beforeAll(async () => {
  links = await openSignInStage();
});
afterAll(() => links.close());
beforeEach(() => links.nextCustomer());

describe('initiate refuses', () => {
  const ask = (body: object, as = links.acme) =>
    links.stage.request('POST', '/integrations/connectors/oauth/initiate', {
      as,
      body: { customer_name: links.customer, connector_type: 'sandbox', ...body },
    });

  it.each([
    'https://app.example/linked',
    'https://app.example/linked?from=tieline&x=a%20b&y=1',
    'https://app.example/linked?from=tieline&x=a b',
    'https://app.example/linked?from=tieline&x=a%20b#part',
    'https://app.example/Linked?from=tieline&x=a%20b',
    'https://APP.example/linked?from=tieline&x=a%20b',
    'https://app.example/a/../linked?from=tieline&x=a%20b',
    'https://app.example.evil.example/linked?from=tieline&x=a%20b',
    'https://user@app.example/linked?from=tieline&x=a%20b',
    'https://app.example:443/linked?from=tieline&x=a%20b',
    'http://app.example/linked?from=tieline&x=a%20b',
    'http://localhost/callback',
    'javascript:alert(1)',
    '',
  ])('to return to %j', async (redirect_url) => {
    const refused = await ask({ redirect_url });
    expect(refused).toMatchObject({ status: 400, body: { code: 'arguments_invalid' } });
    expect(refused.body.hint).toContain('tieline organizations redirect <url>');
  });

  it.each([
    [{ connector_type: 'nothing' }, 404, 'connector_unknown'],
    [{ auth_option: 'nothing' }, 400, 'arguments_invalid'],
    [{ auth_option: 'key', credentials: { nothing: 1 } }, 400, 'arguments_invalid'],
    [{ auth_option: 'key', credentials: { base_url: 1 } }, 400, 'arguments_invalid'],
    [{ reconnect: 'nothing' }, 404, 'integration_unknown'],
    [{ name: '' }, 400, 'arguments_invalid'],
  ])('%j', async (body, status, code) => {
    expect(await ask(body)).toMatchObject({ status, body: { code } });
  });

  it('a name that is taken, and the integration of another tenant or user', async () => {
    const browser = openBrowser();
    await browser.open(await signedIn(await links.initiate({ name: 'work' }), browser));
    const [{ id }] = await links.accounts();
    expect(await ask({ name: 'work' })).toMatchObject({ status: 409, body: { code: 'integration_exists' } });
    const unknown = await ask({ reconnect: 'nothing' }, links.rival);
    const foreign = await ask({ reconnect: id }, links.rival);
    expect([foreign.status, foreign.body.code, foreign.body.hint]).toEqual([404, unknown.body.code, unknown.body.hint]);
    const other = await ask({ reconnect: id, customer_name: 'somebody' });
    expect(other).toMatchObject({ status: 404, body: { code: 'integration_unknown' } });
    expect((await ask({ reconnect: id, name: 'new' })).body.code).toBe('arguments_invalid');
  });

  it('says which redirect address the OAuth app needs where there is no app', async () => {
    const bare = await openHttpStage({ connectors: [await sandboxConnector()], app: { baseUrl: links.sandbox.url } });
    try {
      const as = await bare.tenant();
      const body = { customer_name: 'ada', connector_type: 'sandbox', auth_option: 'oauth' };
      const refused = await bare.request('POST', '/integrations/connectors/oauth/initiate', { as, body });
      expect(refused.body).toMatchObject({ code: 'config_invalid', detail: expect.stringContaining('clientId') });
      expect(refused.body.hint).toContain(`${bare.url}/callback/sandbox`);
      // What needs no app is still there to choose.
      const open = { customer_name: 'ada', connector_type: 'sandbox' };
      const link = await bare.request('POST', '/integrations/connectors/oauth/initiate', { as, body: open });
      const page = await openBrowser().open(link.body.consent_url);
      expect(page.html).toContain('?option=key');
      expect(page.html).not.toContain('?option=oauth');
    } finally {
      await bare.close();
    }
  });
});

describe('an account that is asked for by name', () => {
  const names = async () =>
    (await links.accounts()).map((it: Record<string, unknown>) => [it.identifier, it.status, it.is_default]);

  it('is pending until it is connected, under the same id, and no other can have its name', async () => {
    await links.initiate();
    expect(await names()).toEqual([]);
    const [first, second] = [await links.initiate({ name: 'work' }), await links.initiate({ name: 'work' })];
    expect(await names()).toEqual([['work', 'pending', false]]);
    const [{ id, next_step }] = await links.accounts();
    expect(next_step).toContain('Finish connecting');
    const run = { as: links.acme, body: { entity: 'profile', action: 'get' } };
    const early = await links.stage.request('POST', `/integrations/connectors/${id}/execute`, run);
    expect(early.body.code).toBe('integration_required');
    const browser = openBrowser();
    await browser.open(await signedIn(second, browser));
    expect(await names()).toEqual([['work', 'active', true]]);
    expect((await links.accounts())[0].id).toBe(id);
    const late = await browser.open(await signedIn(first, browser));
    expect(late.location).toBe(`${RETURN}&error=integration_exists`);
    expect(await names()).toEqual([['work', 'active', true]]);
  });

  it('is waited for as long as its link is good', async () => {
    await links.initiate({ name: 'work' });
    links.stage.later(24 * 60 * 60_000);
    expect(await names()).toEqual([]);
  });

  it('is waited for no longer when the person says no, here or there', async () => {
    const browser = openBrowser();
    const here = await links.initiate({ name: 'work' });
    await browser.submit(await browser.open(here.consent_url), {}, 'cancel');
    expect(await names()).toEqual([]);
    const there = await links.initiate({ name: 'work' });
    expect(await names()).toEqual([['work', 'pending', false]]);
    await browser.open(await signedIn(there, browser, 'ada', 'deny'));
    expect(await names()).toEqual([]);
  });

  it('can be given up by the program', async () => {
    await links.initiate({ name: 'work' });
    const [{ id }] = await links.accounts();
    const gone = await links.stage.request('DELETE', `/integrations/connectors/${id}`, { as: links.acme });
    expect(gone.status).toBe(204);
    expect(await names()).toEqual([]);
  });
});
