import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Tokens } from '../../../src/sandbox/faulty/family.ts';
import { FAULT_NAMES, type FaultyOAuth, startFaultyOAuth } from '../../../src/sandbox/faulty/faultyoauth.ts';
import { control } from './control.ts';
import { api, refresh } from './faultyclient.ts';

let provider: FaultyOAuth;

beforeEach(async () => {
  provider = await startFaultyOAuth({ control: control() });
});

afterEach(() => provider.close());

/** As another process would ask. */
async function ask<Body = unknown>(method: string, path: string, body?: unknown) {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const response = await fetch(`${provider.url}/control/${path}`, init);
  return { status: response.status, body: (await response.json()) as Body };
}

describe('control by other processes', () => {
  it('begins grants, plans faults and tells what happened', async () => {
    const grant = (await ask<Tokens>('POST', 'grants', { name: 'grace' })).body;
    expect(await (await api(provider, grant.accessToken)).json()).toEqual({ who: 'grace' });
    expect(await ask('POST', 'plan', { faults: ['html_200', 'none'] })).toEqual({ status: 200, body: {} });
    expect((await refresh(provider, grant.refreshToken)).type).toMatch('text/html');
    await refresh(provider, grant.refreshToken);

    const { requests } = (await ask<Pick<FaultyOAuth, 'requests'>>('GET', 'requests')).body;
    expect(requests).toEqual(JSON.parse(JSON.stringify(provider.requests)));
    expect(requests).toMatchObject([
      { fault: 'html_200' },
      { fault: 'none', issued: { accessToken: expect.any(String) } },
    ]);
    expect((await ask<Pick<FaultyOAuth, 'calls'>>('GET', 'calls')).body.calls).toMatchObject([
      { path: '/me', status: 200 },
    ]);
  });

  it('tells whether a family is alive, and expires access tokens', async () => {
    const grant = provider.newGrant();
    expect((await ask('GET', `family?token=${grant.refreshToken}`)).body).toEqual({ alive: true });
    await ask('POST', 'expire');
    expect((await api(provider, grant.accessToken)).status).toBe(401);
    await refresh(provider, grant.refreshToken);
    await refresh(provider, grant.refreshToken);
    expect((await ask('GET', `family?token=${grant.accessToken}`)).body).toEqual({ alive: false });
  });

  it('holds a token request, tells when it has arrived and releases it', async () => {
    const { refreshToken } = provider.newGrant();
    const { hold } = (await ask<{ hold: number }>('POST', 'holds')).body;
    const arrived = ask('GET', `holds/${hold}`);
    const answered = refresh(provider, refreshToken);
    expect((await arrived).status).toBe(200);
    expect(provider.requests[0]?.issued).toBeDefined();
    await ask('DELETE', `holds/${hold}`);
    expect((await answered).status).toBe(200);
  });

  it.each([
    ['POST', 'plan', { faults: ['html_200', 'no_such_fault'] }, 400, FAULT_NAMES.join(', ')],
    ['POST', 'plan', {}, 400, 'faults must be a list'],
    ['POST', 'plan', 'text', 400, 'not a JSON object'],
    ['GET', 'family?token=made-up', undefined, 404, 'never issued'],
    ['GET', 'holds/1', undefined, 404, 'no such hold'],
    ['GET', 'nothing', undefined, 404, 'no such control'],
    ['POST', 'requests', undefined, 404, 'no such control'],
  ])('%s %s with %j is refused', async (method, path, body, status, error) => {
    const answered = await ask(method, path, body);
    expect(answered).toEqual({ status, body: { error: expect.stringContaining(error) } });
    await refresh(provider, provider.newGrant().refreshToken);
    expect(provider.requests[0]?.fault).toBe('none');
  });

  it('is not there unless it is asked for', async () => {
    const plain = await startFaultyOAuth();
    try {
      expect((await fetch(`${plain.url}/control/grants`, { method: 'POST' })).status).toBe(401);
    } finally {
      await plain.close();
    }
  });
});
