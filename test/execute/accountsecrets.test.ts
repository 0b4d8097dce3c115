import { describe, expect, it } from 'vitest';
import { accountSecrets } from '../../src/execute/accountsecrets.ts';
import { connectorOf } from './stage.ts';

const properties = { address: { type: 'string' }, key: { type: 'string', secret: true } };
const made = (fields: object) =>
  connectorOf({
    server: { baseUrl: 'https://api.example' },
    app: { schema: { type: 'object', properties: fields } },
    auth: { options: { own: { title: 'Token', type: 'bearer' } } },
  });

describe('the secrets of an account', () => {
  const app = { address: 'https://desk.example', key: 'key-of-the-app', more: 'nobody-says-it-is-not' };
  const held = { input: { token: 'token-of-the-account' }, values: { refreshToken: 'refresh-token-1' } };

  it('are those of its credential and its app, but for what the definition shows openly', () => {
    const connector = made(properties);
    const { texts } = accountSecrets({ connector, option: connector.defaultOption, app }, held);
    expect([...texts].sort()).toEqual(
      ['key-of-the-app', 'nobody-says-it-is-not', 'refresh-token-1', 'token-of-the-account'].sort(),
    );
  });

  it('are looked at anew with another definition, which may call others secret', () => {
    for (const [fields, isSecret] of [
      [properties, false],
      [{ ...properties, address: { type: 'string', secret: true } }, true],
    ] as const) {
      const connector = made(fields);
      const { texts } = accountSecrets({ connector, option: connector.defaultOption, app }, held);
      expect(texts.includes(app.address)).toBe(isSecret);
    }
  });
});
