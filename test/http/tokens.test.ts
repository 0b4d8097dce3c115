import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpStage, openHttpStage, type Tenant } from './stage.ts';

let stage: HttpStage;
let acme: Tenant;
let ada: { token: string };
let eve: { token: string };
beforeAll(async () => {
  stage = await openHttpStage();
  acme = await stage.tenant();
  ada = await stage.user(acme, 'ada');
  eve = await stage.user(acme, 'eve');
});
afterAll(() => stage.close());

const create = (as: string | Tenant | undefined, body: object) => stage.request('POST', '/tokens', { as, body });

describe('personal access tokens', () => {
  it('are shown once, listed without their text, and revoked', async () => {
    const made = await create(ada.token, { name: 'laptop', scopes: ['write', 'read'] });
    expect(made.status).toBe(201);
    expect(made.headers.get('cache-control')).toBe('no-store');
    const { token, ...shown } = made.body;
    expect(token).toMatch(/^pat-[0-9a-f]{16}-[\w-]{43}$/);
    expect(shown).toMatchObject({ name: 'laptop', scopes: ['read', 'write'] });
    expect(Date.parse(shown.expires_at) - Date.parse(shown.created_at)).toBe(90 * 24 * 60 * 60_000);
    const listed = await stage.request('GET', '/tokens', { as: ada.token });
    expect(listed.body).toEqual({ data: [shown] });
    expect((await stage.request('DELETE', `/tokens/${shown.id}`, { as: ada.token })).status).toBe(204);
    expect((await stage.request('DELETE', `/tokens/${shown.id}`, { as: ada.token })).status).toBe(404);
    expect((await stage.request('GET', '/tokens', { as: ada.token })).body).toEqual({ data: [] });
  });

  it('are their user’s alone', async () => {
    const made = await create(ada.token, { name: 'mine' });
    expect((await stage.request('GET', '/tokens', { as: eve.token })).body).toEqual({ data: [] });
    const foreign = await stage.request('DELETE', `/tokens/${made.body.id}`, { as: eve.token });
    const unknown = await stage.request('DELETE', '/tokens/0000000000000000', { as: eve.token });
    expect(foreign.status).toBe(404);
    expect({ ...foreign.body, request_id: '', detail: '' }).toEqual({ ...unknown.body, request_id: '', detail: '' });
  });

  it('are not for programs, and open MCP alone', async () => {
    expect(await create(acme, { name: 'x' })).toMatchObject({ status: 403, body: { code: 'not_permitted' } });
    expect((await create(undefined, { name: 'x' })).status).toBe(401);
    const made = await create(ada.token, { name: 'x' });
    expect((await stage.request('GET', '/me', { as: made.body.token })).status).toBe(401);
    expect((await create(made.body.token, { name: 'more of them' })).status).toBe(401);
  });

  it.each([
    {},
    { name: '' },
    { name: 'x', scopes: [] },
    { name: 'x', scopes: ['admin'] },
    { name: 'x', expires_in_days: 0 },
    { name: 'x', expires_in_days: 367 },
  ])('are not made from %j', async (body) => {
    expect(await create(ada.token, body)).toMatchObject({ status: 400, body: { code: 'arguments_invalid' } });
  });
});
