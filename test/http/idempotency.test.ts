import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpStage, openHttpStage, type Tenant } from './stage.ts';

let stage: HttpStage;
let acme: Tenant;
beforeAll(async () => {
  stage = await openHttpStage();
  acme = await stage.tenant('acme');
});
afterAll(() => stage.close());

const create = (identifier: string, key: string, as: Tenant = acme) =>
  stage.request('POST', '/users', { as, body: { identifier }, headers: { 'idempotency-key': key } });

describe('Idempotency-Key', () => {
  it('gives the same answer to the same request, and says so', async () => {
    const first = await create('ada', 'k1');
    const second = await create('ada', 'k1');
    expect(second.status).toBe(201);
    expect(second.body).toEqual(first.body);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect((await stage.request('GET', '/users?identifier=ada', { as: acme })).body.data).toHaveLength(1);
  });

  it('refuses another request under the same key', async () => {
    await create('bob', 'k2');
    expect(await create('eve', 'k2')).toMatchObject({ status: 409, body: { code: 'idempotency_conflict' } });
  });

  it('is one caller’s own', async () => {
    const rival = await stage.tenant('rival');
    const [mine, theirs] = [await create('carl', 'k3'), await create('carl', 'k3', rival)];
    expect(theirs.status).toBe(201);
    expect(theirs.body.secret).not.toBe(mine.body.secret);
  });

  it('lets one of many at one time through', async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => create('dora', 'k4')));
    const statuses = all.map((it) => it.status);
    expect(statuses.filter((it) => it === 201).length).toBeGreaterThan(0);
    expect(new Set(all.filter((it) => it.status === 201).map((it) => it.body.secret)).size).toBe(1);
    expect(statuses.every((it) => it === 201 || it === 409)).toBe(true);
  });

  it('repeats a refusal too', async () => {
    await create('erik', 'k5');
    expect(await create('erik', 'k5')).toMatchObject({ status: 201 });
    expect(await create('erik', 'k6')).toMatchObject({ status: 409, body: { code: 'user_exists' } });
    expect(await create('erik', 'k6')).toMatchObject({ status: 409, body: { code: 'user_exists' } });
  });

  it.each(['', 'x'.repeat(256)])('is not %j', async (key) => {
    expect(await create('fay', key)).toMatchObject({ status: 400, body: { code: 'arguments_invalid' } });
  });
});
