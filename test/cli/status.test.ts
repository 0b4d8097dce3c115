import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signIn } from '../../src/sandbox/person.ts';
import { writeDefinition } from '../e2e/desk.ts';
import { type Home, makeHome } from '../e2e/home.ts';
import { start, until } from '../e2e/program.ts';
import { oauthClient } from '../sandbox/client.ts';
import { boxDefinition } from './box.ts';
import { tieline } from './inprocess.ts';

let home: Home;

beforeAll(async () => {
  home = await makeHome({ tieline });
  await writeDefinition(home.definitions, 'box', boxDefinition(home.sandbox.url));
  const tokens = await (await oauthClient(home.sandbox)).link('grace', { scope: 'openid offline_access read write' });
  const { clientId: client_id, clientSecret: client_secret } = home.sandbox;
  const input = JSON.stringify({ refresh_token: tokens.refresh_token, client_id, client_secret });
  await home.run(['connect', 'box', '--option', 'tokens', '--identifier', 'grace', '--input', '-'], { input });
});

afterAll(() => home.close());

const status = async () => JSON.parse((await home.run(['integrations', 'list', '--json'])).stdout)[0];

describe('an account whose authorization the provider ended', () => {
  it('is active before', async () => {
    expect(await status()).toMatchObject({ identifier: 'grace', status: 'active', expiresAt: expect.any(String) });
    expect((await home.run(['doctor'])).code).toBe(0);
  });

  it('is told apart, with cause, time and the next step, in the list and by doctor', async () => {
    home.sandbox.revoke('grace');
    const { code, stderr } = await home.run(['call', 'box', 'tickets', 'list']);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('[reauthorization_required]') });
    expect(await status()).toMatchObject({
      status: 'reauth_required',
      cause: expect.stringContaining('invalid_grant'),
      since: expect.stringMatching(/^\d{4}-/),
      nextStep: 'Connect the account again: tieline connect box --identifier grace --reconnect',
    });
    const { stdout } = await home.run(['integrations', 'list']);
    expect(stdout).toMatch(/^box +grace +yes .*reauth_required/m);
    expect(stdout).toContain('tieline connect box --identifier grace --reconnect');
    const doctor = await home.run(['doctor', '--json']);
    expect(doctor.code).toBe(1);
    expect(JSON.parse(doctor.stdout).checks).toContainEqual(
      expect.objectContaining({ name: 'accounts', ok: false, code: 'reauthorization_required' }),
    );
  });

  it('asks the provider no more', async () => {
    const asked = home.sandbox.observed.tokenRequests.length;
    expect((await home.run(['call', 'box', 'tickets', 'list'])).code).toBe(1);
    expect(home.sandbox.observed.tokenRequests).toHaveLength(asked);
  });

  it('is itself again after a reconnect, and never somebody else', async () => {
    const client = await oauthClient(home.sandbox);
    const { clientId: client_id, clientSecret: client_secret } = home.sandbox;
    const args = ['connect', 'box', '--option', 'tokens', '--identifier', 'grace', '--reconnect', '--input', '-'];
    const reconnect = async (person: string) => {
      const { refresh_token } = await client.link(person, { scope: 'openid offline_access read write' });
      return home.run(args, { input: JSON.stringify({ refresh_token, client_id, client_secret }) });
    };
    expect(await reconnect('ada')).toMatchObject({ code: 1, stderr: expect.stringContaining('[identity_mismatch]') });
    expect(await status()).toMatchObject({ status: 'reauth_required' });
    expect(await reconnect('grace')).toMatchObject({ code: 0 });
    expect(await status()).toMatchObject({ identifier: 'grace', isDefault: true, status: 'active' });
    expect((await home.run(['call', 'box', 'tickets', 'list'])).code).toBe(0);
  });
});

describe('an account that is disabled', () => {
  const integrations = (...args: string[]) => home.run(['integrations', ...args]);

  it('serves nothing and asks the provider nothing, until it is enabled', async () => {
    const asked = home.sandbox.observed.tokenRequests.length;
    expect(await integrations('disable', 'box', 'grace')).toMatchObject({ code: 0 });
    expect(await status()).toMatchObject({
      identifier: 'grace',
      isDefault: true,
      status: 'disabled',
      since: expect.stringMatching(/^\d{4}-/),
      nextStep: 'Enable it: tieline integrations enable box grace',
    });
    expect(await home.run(['call', 'box', 'tickets', 'list'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/\[integration_disabled\]\n.*tieline integrations enable box grace/),
    });
    expect(home.sandbox.observed.tokenRequests).toHaveLength(asked);
    expect(await integrations('enable', 'box', 'grace')).toMatchObject({ code: 0 });
    expect((await home.run(['call', 'box', 'tickets', 'list'])).code).toBe(0);
  });

  it('is not another one: a wrong name changes nothing', async () => {
    const before = await status();
    for (const ended of await Promise.all(['disable', 'revoke'].map((it) => integrations(it, 'box', 'nobody')))) {
      expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining('[integration_unknown]') });
    }
    expect(await status()).toEqual(before);
  });
});

describe('an account whose access is ended', () => {
  it('is wiped and keeps its place, until the same person connects it again', async () => {
    const ended = await home.run(['integrations', 'revoke', 'box', 'grace', '--json']);
    expect({ code: ended.code, ...JSON.parse(ended.stdout) }).toMatchObject({ code: 0, identifier: 'grace' });
    expect(await status()).toMatchObject({
      status: 'revoked',
      isDefault: true,
      account: 'grace@sandbox.example',
      cause: 'its owner ended the access',
      since: expect.any(String),
      nextStep: expect.stringContaining('--reconnect'),
    });
    const { code, stderr } = await home.run(['call', 'box', 'tickets', 'list']);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('[reauthorization_required]') });
    expect((await home.run(['doctor'])).code).toBe(0);
    const client = await oauthClient(home.sandbox);
    const { clientId: client_id, clientSecret: client_secret } = home.sandbox;
    const again = ['connect', 'box', '--option', 'tokens', '--identifier', 'grace', '--reconnect', '--input', '-'];
    for (const [person, expected] of [
      ['ada', { code: 1, stderr: expect.stringContaining('[identity_mismatch]') }],
      ['grace', { stderr: '', code: 0 }],
    ] as const) {
      const { refresh_token } = await client.link(person, { scope: 'openid offline_access read write' });
      const input = JSON.stringify({ refresh_token, client_id, client_secret });
      expect(await home.run(again, { input })).toMatchObject(expected);
    }
    expect(await status()).toMatchObject({ status: 'active', isDefault: true });
  });
});

describe('an account that is removed', () => {
  it('has its tokens revoked at the provider', async () => {
    const args = ['connect', 'sandbox', '--identifier', 'leaving', '--no-browser'];
    const connecting = start(args, { env: home.env, open: true });
    const address = () => /^ {2}(http:\S+)$/m.exec(connecting.stderr())?.[1];
    await until(() => address() !== undefined, connecting.stderr);
    await signIn(address() ?? '', 'ada', { deliver: true });
    expect((await connecting.ended).code).toBe(0);
    const { code, stdout } = await home.run(['integrations', 'remove', 'sandbox', 'leaving', '--json']);
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, removed: 'leaving', revoked: true });
  });

  it('goes away all the same when the provider cannot be asked', async () => {
    await home.sandbox.close();
    const { code, stdout } = await home.run(['integrations', 'remove', 'box', 'grace']);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('Removed grace of box.') });
  });
});
