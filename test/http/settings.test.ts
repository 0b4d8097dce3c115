import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSettings } from '../../src/http/settings.ts';
import { connectorOf, reading, things } from '../execute/stage.ts';
import { type HttpStage, openHttpStage, type Tenant } from './stage.ts';

const connector = connectorOf({
  server: { baseUrl: 'https://api.example' },
  settings: {
    type: 'object',
    properties: { spam: { type: 'boolean', default: false }, label: { type: 'string' } },
  },
  auth: { options: { none: { title: 'None', type: 'none' } } },
  entities: things({ get: { ...reading, request: { path: '/' } } }),
});

describe('settings that a program sends', () => {
  it.each([
    ['texts for true and false', { spam: 'true' }, { spam: true }],
    ['the other one', { spam: 'false' }, { spam: false }],
    ['what is JSON already', { spam: true, label: 'a' }, { spam: true, label: 'a' }],
    ['a text setting that says true', { label: 'true' }, { label: 'true' }],
    ['other texts', { spam: 'yes' }, { spam: 'yes' }],
    ['names that no setting has', { constructor: 'true', other: 'true' }, { constructor: 'true', other: 'true' }],
  ])('may be %s', (_, given, expected) => {
    expect(readSettings(connector, given)).toEqual(expected);
  });

  it('may be none', () => {
    expect(readSettings(connector, undefined)).toBeUndefined();
    expect(readSettings({ ...connector, settings: undefined }, { spam: 'true' })).toEqual({ spam: 'true' });
  });
});

describe('over the API', () => {
  let stage: HttpStage;
  let acme: Tenant;
  beforeAll(async () => {
    stage = await openHttpStage({ connectors: [connector] });
    acme = await stage.tenant('acme');
  });
  afterAll(() => stage.close());

  it.each([
    ['"true"', 'true', 201, { spam: true }],
    ['false', false, 201, { spam: false }],
    ['a text that is neither', 'yes', 400, undefined],
  ])('an account is linked with %s', async (_, spam, status, replication_config) => {
    const wanted = {
      customer_name: `user-${spam}`,
      connector_type: 'sample',
      name: 'main',
      replication_config: { spam },
    };
    const made = await stage.request('POST', '/integrations/connectors', { as: acme, body: wanted });
    expect([made.status, made.body.replication_config], made.text).toEqual([status, replication_config]);
    const link = await stage.request('POST', '/integrations/connectors/oauth/initiate', {
      as: acme,
      body: { ...wanted, name: 'other' },
    });
    expect(link.status, link.text).toBe(status);
  });
});
