import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { askDevice, beginDevice, waitForDevice } from '../../src/auth/device.ts';
import { type Arrived, failureOf, type Provider, type Reply, startProvider } from '../execute/stage.ts';
import { authOption } from './option.ts';
import { sendTo } from './sender.ts';

let provider: Provider;
let answers: Reply[];
let started: Record<string, unknown>;

beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());
beforeEach(() => {
  provider.seen.length = 0;
  answers = [];
  started = {
    device_code: 'device-code-1',
    user_code: 'ABCD-EFGH',
    verification_uri: 'https://provider.example/device',
    expires_in: 600,
    interval: 0.01,
  };
  provider.answer(({ path }) => (path === '/device' ? { body: started } : (answers.shift() ?? { status: 500 })));
});

const failing = (error: string): Reply => ({ status: 400, body: { error } });
const done: Reply = { body: { access_token: 'device-token', refresh_token: 'device-refresh', expires_in: 60 } };

function optionOf() {
  const mapping = { clientId: 'c', tokenUri: `${provider.origin}/token`, deviceUri: `${provider.origin}/device` };
  const methods = { getOAuthConfig: { mapping } };
  return authOption({ title: 'Device', type: 'oauth2', grant: 'device_code', scopes: ['a', 'b'], methods });
}

const context = () => ({ send: sendTo(provider.origin), scope: {}, now: 1_000 });
const formOf = ({ body }: Arrived) => Object.fromEntries(new URLSearchParams(`${body}`));

describe('a sign-in on another device', () => {
  it('begins with an address and a code', async () => {
    const { deviceCode, ...shown } = await beginDevice('sample', optionOf(), context());
    expect(shown).toEqual({
      verificationUri: 'https://provider.example/device',
      userCode: 'ABCD-EFGH',
      completeUri: undefined,
      interval: 0.01,
      expiresAt: 601_000,
    });
    expect(formOf(provider.seen[0] as Arrived)).toEqual({ client_id: 'c', scope: 'a b' });
    expect(deviceCode).toBe('device-code-1');
  });

  it('waits for the user, and asks less often when told to', async () => {
    const signIn = await beginDevice('sample', optionOf(), context());
    const ask = () => askDevice('sample', optionOf(), signIn, context());
    answers = [failing('authorization_pending'), failing('slow_down'), done];
    expect([await ask(), await ask()]).toEqual(['pending', 'slower']);
    const values = { accessToken: 'device-token', refreshToken: 'device-refresh' };
    expect(await ask()).toEqual({ values, expiresAt: 61_000 });
    expect(formOf(provider.seen[1] as Arrived)).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: 'device-code-1',
      client_id: 'c',
    });
  });

  it('is over once the user is done, whatever fails for a moment', async () => {
    const signIn = await beginDevice('sample', optionOf(), context());
    answers = [failing('authorization_pending'), { status: 503 }, done];
    const granted = await waitForDevice('sample', optionOf(), signIn, { ...context(), now: () => 1_000 });
    expect(granted.values.accessToken).toBe('device-token');
    expect(answers).toEqual([]);
  });

  it.each([['access_denied'], ['expired_token']])('fails with %s', async (error) => {
    const signIn = await beginDevice('sample', optionOf(), context());
    answers = [failing(error)];
    const waiting = waitForDevice('sample', optionOf(), signIn, { ...context(), now: () => 1_000 });
    expect((await failureOf(waiting)).code).toBe('authorization_failed');
  });

  it('ends with the life of its code', async () => {
    const signIn = await beginDevice('sample', optionOf(), context());
    const waiting = waitForDevice('sample', optionOf(), signIn, { ...context(), now: () => 601_000 });
    expect((await failureOf(waiting)).code).toBe('authorization_failed');
    expect(provider.seen).toHaveLength(1);
  });

  it('can be canceled', async () => {
    const signIn = await beginDevice('sample', optionOf(), context());
    const signal = AbortSignal.abort();
    const waiting = waitForDevice('sample', optionOf(), signIn, { ...context(), now: () => 1_000, signal });
    expect((await failureOf(waiting)).code).toBe('canceled');
  });

  it('shows web addresses only', async () => {
    started.verification_uri = 'file:///bin/sh';
    expect((await failureOf(beginDevice('sample', optionOf(), context()))).code).toBe('authorization_failed');
  });
});
