import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectorOf, type Provider, startProvider } from '../execute/stage.ts';
import { type HttpStage, openHttpStage, type Tenant } from '../http/stage.ts';

const TOKEN = 'ghp_PlantedTokenOfAda';
const OPERATORS = 'client-secret-of-the-operator';

/** Addresses that an organization may move, as a definition for an API with installations of one's own has them. */
const desk = (home: string) =>
  connectorOf({
    connector: 'desk',
    server: {
      baseUrl: `{{ app?.apiUrl ?? '${home}' }}`,
      allowHosts: ["{{ app?.uploads ?? 'uploads.example' }}"],
      testPath: '/me',
    },
    app: {
      schema: {
        type: 'object',
        properties: {
          apiUrl: { type: 'string' },
          uploads: { type: 'string' },
          clientId: { type: 'string' },
          clientSecret: { type: 'string', secret: true },
        },
      },
    },
    auth: {
      options: {
        token: {
          title: 'Token',
          type: 'bearer',
          ui: { schema: { type: 'object', properties: { token: { type: 'string', secret: true } } } },
          methods: { getCredentialsFromConnectionParameters: { mapping: { token: '{{ secrets.token }}' } } },
        },
        machine: {
          title: 'Machine',
          type: 'oauth2',
          grant: 'client_credentials',
          methods: {
            getOAuthConfig: {
              mapping: {
                clientId: '{{ app.clientId }}',
                clientSecret: '{{ app.clientSecret }}',
                tokenUri: `{{ app?.apiUrl ?? '${home}' }}/token`,
              },
            },
          },
        },
      },
    },
  });

let home: Provider;
let elsewhere: Provider;
let stage: HttpStage;
let acme: Tenant;

beforeEach(async () => {
  [home, elsewhere] = await Promise.all([startProvider(), startProvider()]);
  const { origin } = home;
  stage = await openHttpStage({
    connectors: [desk(origin)],
    app: { clientId: 'operator', clientSecret: OPERATORS },
  });
  acme = await stage.tenant();
  const token = { access_token: 'granted-access-token', token_type: 'bearer', expires_in: 3600 };
  for (const it of [home, elsewhere]) it.answer(({ path }) => ({ body: path === '/token' ? token : {} }));
});
afterEach(async () => {
  await stage.close();
  await Promise.all([home.close(), elsewhere.close()]);
});

const link = async (option: string, credentials: object) => {
  const body = { customer_name: 'ada', connector_type: 'desk', auth_option: option, credentials };
  const { status, text, body: linked } = await stage.request('POST', '/integrations/connectors', { as: acme, body });
  expect(status, text).toBe(201);
  return linked.id as string;
};
const call = (id: string) =>
  stage.request('POST', `/integrations/connectors/${id}/execute`, {
    as: acme,
    body: { entity: 'things', action: 'get' },
  });
const setApp = (body: object) => stage.request('PUT', '/connectors/desk/app', { as: acme, body });
const sent = ({ seen }: Provider) => JSON.stringify(seen.map(({ url, headers, body }) => [url, headers, String(body)]));

describe('the credential of an account stays where the account was linked', () => {
  it.each([
    ['the API', () => ({ apiUrl: elsewhere.origin })],
    ['another host', () => ({ uploads: elsewhere.host })],
    ['both, with a client of their own', () => ({ apiUrl: elsewhere.origin, uploads: elsewhere.host, clientId: 'x' })],
  ])('when the organization moves %s', async (_, app) => {
    const id = await link('token', { token: TOKEN });
    expect((await call(id)).status).toBe(200);
    expect((await setApp(app())).status).toBe(200);
    const { status, body } = await call(id);
    expect(status).toBe(409);
    expect(body).toMatchObject({ code: 'reauthorization_required' });
    expect(body.detail ?? body.title).toContain('was linked when it was at');
    expect(elsewhere.seen).toEqual([]);
  });

  it('also when it is tested, revoked and removed', async () => {
    const id = await link('machine', {});
    await setApp({ apiUrl: elsewhere.origin, clientId: 'x', clientSecret: 'secret-of-acme' });
    for (const path of ['test', 'revoke']) {
      await stage.request('POST', `/integrations/connectors/${id}/${path}`, { as: acme });
    }
    await stage.request('DELETE', `/integrations/connectors/${id}`, { as: acme });
    expect(elsewhere.seen).toEqual([]);
  });

  it('and serves again when the address is as it was', async () => {
    const id = await link('token', { token: TOKEN });
    await setApp({ apiUrl: elsewhere.origin });
    await call(id);
    await stage.request('DELETE', '/connectors/desk/app', { as: acme });
    expect((await call(id)).status).toBe(200);
  });

  it('and goes to the new address once it is linked anew', async () => {
    await link('token', { token: TOKEN });
    await setApp({ apiUrl: elsewhere.origin });
    const again = { customer_name: 'ada', connector_type: 'desk', auth_option: 'token', name: 'new' };
    const { body } = await stage.request('POST', '/integrations/connectors', {
      as: acme,
      body: { ...again, credentials: { token: 'another-token-of-ada' } },
    });
    expect((await call(body.id)).status).toBe(200);
    expect(sent(elsewhere)).toContain('another-token-of-ada');
    expect(sent(elsewhere)).not.toContain(TOKEN);
  });

  it('another secret of the same client at the same address goes on', async () => {
    const id = await link('token', { token: TOKEN });
    await setApp({ clientId: 'operator', clientSecret: 'a-newer-secret' });
    expect((await call(id)).status).toBe(200);
  });
});

describe("an organization's parameters are one set", () => {
  it("so that no secret of the operator's goes to an address of theirs", async () => {
    await setApp({ apiUrl: elsewhere.origin });
    const body = { customer_name: 'ada', connector_type: 'desk', auth_option: 'machine', credentials: {} };
    const { status } = await stage.request('POST', '/integrations/connectors', { as: acme, body });
    expect(status).toBeGreaterThanOrEqual(400);
    expect(sent(elsewhere)).not.toContain(OPERATORS);
    expect(sent(elsewhere)).not.toContain('operator');
  });
});
