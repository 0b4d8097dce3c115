import { generateKeyPairSync } from 'node:crypto';
import type { Ledger } from './ledger.ts';
import { secretText, WRONG } from './mirror.ts';

/** What is typed or sent to link an account in each way, by option: good, or such that the provider refuses it. */
export function typedCredentials(ledger: Ledger): Record<string, { good: Typed; wrong?: Typed }> {
  const plant = (kind: string, more = '') => ledger.plant(kind, `${secretText(kind.replaceAll(' ', '-'))}${more}`);
  const odd = `/+='"&<ö> ½`;
  const basic = (password: string) => {
    ledger.plant('user and password', Buffer.from(`ada:${password}`).toString('base64'));
    return { username: 'ada', password };
  };
  return {
    basic: { good: basic(plant('password', odd)), wrong: basic(plant(WRONG, odd)) },
    bearer: { good: { token: plant('token') }, wrong: { token: plant(WRONG) } },
    key: { good: { apiKey: plant('API key') }, wrong: { apiKey: plant(WRONG) } },
    query: { good: { apiKey: plant('API key', odd) }, wrong: { apiKey: plant(WRONG, odd) } },
    cookie: { good: { apiKey: plant('API key') } },
    login: {
      good: { user: 'ada', password: plant('password', odd) },
      wrong: { user: 'ada', password: plant(WRONG) },
    },
    tokens: { good: { refresh_token: plant('refresh token') }, wrong: { refresh_token: plant(WRONG) } },
    jwt: {
      good: { privateKey: ledger.plant('private key', newKey()) },
      wrong: { privateKey: `${plant('half a key')}` },
    },
    host: { good: {} },
  };
}

export type Typed = Readonly<Record<string, string>>;

const newKey = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
