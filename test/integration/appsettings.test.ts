import { describe, expect, it } from 'vitest';
import type { Values } from '../../src/connector/values.ts';
import { appSettings } from '../../src/integration/appsettings.ts';
import { localPrincipal } from '../../src/integration/principal.ts';
import { memoryKeystore } from '../../src/keystore/keystore.ts';
import { storeKey } from '../../src/keystore/store.ts';
import { connectorOf } from '../execute/stage.ts';

const properties = { address: { type: 'string' }, clientId: { type: 'string' }, key: { type: 'string', secret: true } };
const app = { schema: { type: 'object', properties } };
const server = { baseUrl: 'https://a.example' };
const make = (connector = 'sample') => connectorOf({ connector, server, app });
const connector = make();

async function open(operators: Values | undefined) {
  const keystore = await memoryKeystore();
  const settings = appSettings(keystore, () => operators);
  return {
    settings,
    store: (organization: string, values: Values) => keystore.write(storeKey('app', organization, 'sample'), values),
  };
}

describe('the parameters of a connector', () => {
  it('are those of the organization in place of those of the operator, and never some of both', async () => {
    const { settings, store } = await open({ address: 'operator', clientId: 'operator' });
    expect(await settings(connector, 'acme')).toEqual({ address: 'operator', clientId: 'operator' });
    await store('acme', { address: 'own' });
    expect(await settings(connector, 'acme')).toEqual({ address: 'own' });
    expect(await settings(connector, 'other')).toEqual({ address: 'operator', clientId: 'operator' });
  });

  it("are the operator's first on one's own machine", async () => {
    const { settings, store } = await open({ address: 'operator' });
    await store(localPrincipal.organization, { address: 'own', clientId: 'own' });
    const values = await settings(connector, localPrincipal.organization);
    expect(values).toEqual({ address: 'operator', clientId: 'own' });
  });

  it('are none where nobody gave any', async () => {
    const { settings } = await open(undefined);
    expect(await settings(connector, 'acme')).toEqual({});
  });

  it('are the same value until something changes', async () => {
    const { settings, store } = await open({ address: 'operator' });
    await store('acme', { clientId: 'own' });
    const first = await settings(connector, 'acme');
    expect(await settings(connector, 'acme')).toBe(first);
    await store('other', { clientId: 'theirs' });
    expect(await settings(connector, 'acme')).toBe(first);
    await store('acme', { clientId: 'new' });
    expect(await settings(connector, 'acme')).toEqual({ clientId: 'new' });
  });

  it('are not mixed up between connectors, nor between organizations that have none', async () => {
    const keystore = await memoryKeystore();
    const settings = appSettings(keystore, (name) => ({ address: name }));
    for (let i = 0; i < 2; i++) {
      for (const name of ['sample', 'spare']) {
        for (const organization of ['acme', 'other', localPrincipal.organization]) {
          expect(await settings(make(name), organization)).toEqual({ address: name });
        }
      }
    }
  });
});
