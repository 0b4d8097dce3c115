import { expect, it, vi } from 'vitest';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { oauthClient } from './client.ts';

it('writes nothing to the console, whatever is asked of it', async () => {
  const methods = ['debug', 'log', 'info', 'warn', 'error'] as const;
  const consoles = methods.map((method) => vi.spyOn(console, method));
  const streams = [vi.spyOn(process.stdout, 'write'), vi.spyOn(process.stderr, 'write')];
  const { warn } = console;
  const sandbox = await startSandbox();
  expect(console.warn).toBe(warn);
  const client = await oauthClient(sandbox);
  const tokens = await client.link('ada', { scope: 'openid email read' });
  await client.userinfo(tokens.access_token);
  await client.refresh(tokens.refresh_token);
  await client.refresh(tokens.refresh_token).catch(() => undefined);
  await client.clientCredentials();
  await client.revoke(tokens.refresh_token);
  const origin = { origin: 'https://evil.example' };
  const basic = Buffer.from(`${sandbox.clientId}:${sandbox.clientSecret}`).toString('base64');
  const response = await fetch(`${sandbox.url}/oauth/token`, {
    method: 'POST',
    headers: { ...origin, authorization: `Basic ${basic}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  expect(response.headers.get('access-control-allow-origin')).toBeNull();
  for (const path of [
    '/oauth/authorize',
    '/oauth/token',
    '/oauth/userinfo',
    '/oauth/jwks',
    '/oauth/nothing',
    '/nothing',
  ]) {
    for (const accept of ['text/html', 'application/json']) {
      await (await fetch(sandbox.url + path, { headers: { ...origin, accept } })).text();
      await (await fetch(sandbox.url + path, { method: 'POST', headers: { ...origin, accept }, body: '{' })).text();
    }
  }
  await sandbox.close();
  for (const spy of [...consoles, ...streams]) expect(spy.mock.calls).toEqual([]);
});
