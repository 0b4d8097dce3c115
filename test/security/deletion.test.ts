import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { storeKey } from '../../src/keystore/store.ts';
import { connectorOf, type Provider, startProvider } from '../execute/stage.ts';
import { type HttpStage, openHttpStage, type Tenant } from '../http/stage.ts';

/** An API whose login takes as long as the test says. */
const desk = (home: string) =>
  connectorOf({
    connector: 'desk',
    server: { baseUrl: home, testPath: '/me' },
    auth: {
      options: {
        machine: {
          title: 'Machine',
          type: 'oauth2',
          grant: 'client_credentials',
          ui: { schema: { type: 'object', properties: { id: { type: 'string' } } } },
          methods: {
            getOAuthConfig: {
              mapping: {
                clientId: '{{ input.id }}',
                clientSecret: 'secret-of-desk',
                tokenUri: `${home}/token`,
                revokeUri: `${home}/revoke`,
              },
            },
          },
        },
      },
    },
  });

let provider: Provider;
let stage: HttpStage;
let acme: Tenant;
let held: (() => void)[];
let granted: number;

beforeEach(async () => {
  provider = await startProvider();
  stage = await openHttpStage({ connectors: [desk(provider.origin)] });
  acme = await stage.tenant();
  held = [];
  granted = 0;
  provider.answer(async ({ path }) => {
    if (path === '/me') await new Promise<void>((resolve) => held.push(resolve));
    if (path !== '/token') return { body: {} };
    granted += 1;
    return { body: { access_token: `granted-${granted}-token`, token_type: 'bearer', expires_in: 3600 } };
  });
});
afterEach(async () => {
  await stage.close();
  await provider.close();
});

const body = (more: object = {}) => ({
  customer_name: 'ada',
  connector_type: 'desk',
  auth_option: 'machine',
  credentials: { id: 'ada' },
  ...more,
});
const link = (more?: object) => stage.request('POST', '/integrations/connectors', { as: acme, body: body(more) });
async function untilHeld(count: number): Promise<void> {
  while (held.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
}
const release = () => {
  for (const go of held.splice(0)) go();
};
const revoked = () => provider.seen.filter(({ path }) => path === '/revoke').map(({ body }) => String(body));

describe('what is under way for a user who is deleted', () => {
  it('stores nothing, and its tokens are ended at the provider', async () => {
    const { body: user } = await stage.request('POST', '/users', { as: acme, body: { identifier: 'ada' } });
    const linking = link();
    await untilHeld(1);
    expect((await stage.request('DELETE', `/users/${user.id}`, { as: acme })).status).toBe(204);
    release();
    const { status, body: answer } = await linking;
    expect([status, answer.code]).toEqual([404, 'user_unknown']);
    const who = [acme.organization, user.id] as const;
    const keys = [storeKey('integrations', ...who, 'desk'), storeKey('user_connectors', ...who)];
    for (const key of keys) expect(await stage.keystore.read(key)).toBeUndefined();
    expect(revoked().join()).toContain('granted-1-token');
  });

  it('of several at once leaves nothing either, however they come', async () => {
    const { body: user } = await stage.request('POST', '/users', { as: acme, body: { identifier: 'ada' } });
    const linking = Array.from({ length: 5 }, (_, i) => link({ name: `account ${i}` }));
    await untilHeld(5);
    const deleting = stage.request('DELETE', `/users/${user.id}`, { as: acme });
    release();
    const answers = await Promise.all([...linking, deleting]);
    release();
    const who = [acme.organization, user.id] as const;
    expect(await stage.keystore.read(storeKey('integrations', ...who, 'desk'))).toSatisfy(
      (it: { value: { items: unknown[] } } | undefined) => it === undefined || it.value.items.length === 0,
    );
    expect(answers.at(-1)?.status).toBe(204);
    for (let i = 1; i <= granted; i++) expect(revoked().join()).toContain(`granted-${i}-token`);
  });

  it('and one made anew under the same name is another', async () => {
    const { body: user } = await stage.request('POST', '/users', { as: acme, body: { identifier: 'ada' } });
    await stage.request('DELETE', `/users/${user.id}`, { as: acme });
    const linking = link();
    await untilHeld(1);
    release();
    expect((await linking).status).toBe(201);
  });
});

describe('an account that is removed while it is connected anew', () => {
  it('stays removed, and the new tokens are ended', async () => {
    const first = link();
    await untilHeld(1);
    release();
    const { id } = (await first).body;
    const again = stage.request('POST', `/integrations/connectors/${id}/reconnect`, {
      as: acme,
      body: { credentials: { id: 'ada' } },
    });
    await untilHeld(1);
    expect((await stage.request('DELETE', `/integrations/connectors/${id}`, { as: acme })).status).toBe(204);
    release();
    const { body: answer } = await again;
    expect(answer.code).toBe('integration_unknown');
    expect(revoked().join()).toContain('granted-2-token');
  });
});
