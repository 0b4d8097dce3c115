import { describe, expect, it } from 'vitest';
import type { Credential } from '../../src/auth/credential.ts';
import type { Values } from '../../src/connector/values.ts';
import { readCredentials, shownCredentials } from '../../src/embed/credentials.ts';
import { connectorOf, failureOf } from '../execute/stage.ts';

const text = { type: 'string' };
const oauth = {
  title: 'OAuth',
  type: 'oauth2',
  methods: { getOAuthConfig: { mapping: { tokenUri: 'https://a.example' } } },
};
const withFields = (properties: Values, required: readonly string[] = []) => ({
  ...oauth,
  grant: 'refresh_token',
  ui: { schema: { type: 'object', required, properties } },
});

const connector = connectorOf({
  server: { baseUrl: 'https://a.example' },
  auth: {
    options: {
      sign_in: { ...oauth, grant: 'authorization_code' },
      tokens: withFields({ refresh_token: text, access_token: text, client_id: text }, ['refresh_token']),
      odd: withFields({ grant: text, tenant: text }, ['grant', 'tenant']),
      key: { title: 'Key', type: 'api_key', name: 'X-Key' },
      other: { title: 'Other', type: 'proxy', connector: 'mail' },
    },
  },
});

describe('credentials of a program', () => {
  it.each<[Values, string, Values, Values]>([
    [{ refresh_token: 'r', client_id: 'c' }, 'tokens', { refresh_token: 'r', client_id: 'c' }, {}],
    [{ refresh_token: 'r' }, 'tokens', { refresh_token: 'r' }, {}],
    [{ access_token: 'a' }, 'sign_in', {}, { accessToken: 'a' }],
    [{ grant: 'g', tenant: 't' }, 'odd', { grant: 'g', tenant: 't' }, {}],
    [
      { grant: 'g', tenant: 't', access_token: 'a', client_id: undefined },
      'odd',
      { grant: 'g', tenant: 't' },
      { accessToken: 'a' },
    ],
    [{ apiKey: 'k' }, 'key', { apiKey: 'k' }, {}],
  ])('%j is for %s', (credentials, key, input, values) => {
    const given = readCredentials(connector, credentials, undefined);
    expect([given.option.key, given.input, given.values]).toEqual([key, input, values]);
  });

  it.each<[Values, string | undefined]>([
    [{}, undefined],
    [{ refresh_token: 'r', apiKey: 'k' }, undefined],
    [{ client_id: 'c' }, 'tokens'],
    [{ apiKey: 'k', access_token: 'a' }, 'key'],
    [{ refresh_token: 7 }, 'sign_in'],
    [{ apiKey: 'k' }, 'nothing'],
  ])('%j fits nothing (option %s)', async (credentials, key) => {
    expect((await failureOf(() => readCredentials(connector, credentials, key))).code).toBe('arguments_invalid');
  });

  it('cannot be those of another account', async () => {
    expect((await failureOf(() => readCredentials(connector, {}, 'other'))).code).toBe('usage');
  });

  it.each<[string, Values, Values, Values, Values]>([
    [
      'tokens',
      { refresh_token: 'old' },
      { refreshToken: 'old' },
      { refreshToken: 'new', accessToken: 'a' },
      { refresh_token: 'new', access_token: 'a' },
    ],
    ['sign_in', {}, {}, { refreshToken: 'new', accessToken: 'a' }, { refresh_token: 'new', access_token: 'a' }],
    // The field has another name, and what was made of it is worth nothing any more.
    [
      'odd',
      { grant: 'old', tenant: 't' },
      { refreshToken: 'old', tenant: 't' },
      { refreshToken: 'new', tenant: 't' },
      { grant: 'old', tenant: 't', refresh_token: 'new' },
    ],
    [
      'odd',
      { grant: 'g', tenant: 't' },
      { refreshToken: 'g' },
      { refreshToken: 'g', site: 's' },
      { grant: 'g', tenant: 't', state: { site: 's' } },
    ],
  ])('are shown as they can be given again: %s %#', (key, input, made, values, shown) => {
    const option = connector.options.get(key) ?? connector.defaultOption;
    const expiresAt = Date.UTC(2030, 0, 1);
    const credential: Credential = { version: 2, input, values, obtainedAt: 0, expiresAt };
    const out = shownCredentials(credential, option, made);
    expect(out).toEqual({ ...shown, expires_at: '2030-01-01T00:00:00.000Z' });
    const again = readCredentials(connector, JSON.parse(JSON.stringify(out)), key);
    // What the definition makes of the fields comes below what was given beside them.
    const remade = Object.hasOwn(again.input, 'refresh_token')
      ? { refreshToken: again.input.refresh_token, accessToken: again.input.access_token }
      : made;
    expect({ ...remade, ...again.values }).toEqual(values);
    expect(again.expiresAt).toBe(expiresAt);
  });
});
