import { hostname } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storeKey } from '../../src/keystore/store.ts';
import { connectorOf, type Provider, reading, startProvider, things } from '../execute/stage.ts';
import { type HttpStage, openHttpStage, type Tenant } from './stage.ts';

let stage: HttpStage;
let acme: Tenant;
let provider: Provider;
beforeAll(async () => {
  provider = await startProvider();
  const make = { ...reading, effect: 'create', request: { method: 'POST', path: '/make', json: {} } };
  stage = await openHttpStage({
    connectors: [connectorOf({ server: { baseUrl: provider.origin }, entities: things({ make }) })],
  });
  acme = await stage.tenant('acme');
});
afterAll(async () => {
  await stage.close();
  await provider.close();
});

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

  it('is free again after a request that was refused', async () => {
    expect(await create('', 'k7')).toMatchObject({ status: 400 });
    expect(await create('gina', 'k7')).toMatchObject({ status: 201 });
  });

  it('tells of a run that was not finished that the outcome is unknown, and does not run it again', async () => {
    await create('hans', 'k8');
    const key = storeKey('idempotency', 'request', acme.organization, await clientKeyId(), 'k8');
    const found = await stage.keystore.read<{ fingerprint: string }>(key);
    await stage.keystore.write(key, {
      fingerprint: found?.value.fingerprint,
      owner: `${process.pid}:before:${hostname()}`,
    });
    for (let i = 0; i < 2; i++) {
      const again = await create('hans', 'k8');
      expect(again).toMatchObject({ status: 504, body: { code: 'outcome_unknown' } });
      expect(again.headers.get('idempotency-replayed')).toBe('true');
    }
  });
});

async function clientKeyId(): Promise<string> {
  const { body } = await stage.request('GET', '/client-keys', { as: acme });
  return body.data[0].id;
}

describe('a call with a key', () => {
  let token: string;
  beforeAll(async () => {
    ({ token } = await stage.user(acme, 'olga'));
    const body = { connector_type: 'sample', credentials: { token: 'sample-token-0123456789' } };
    expect(await stage.request('POST', '/integrations/connectors', { as: token, body })).toMatchObject({ status: 201 });
  });
  const written = () => provider.seen.filter((it) => it.path === '/make').length;
  const byRest = (key: string) =>
    stage.request('POST', '/connectors/sample/execute', {
      as: token,
      body: { entity: 'things', action: 'make' },
      headers: { 'idempotency-key': key },
    });
  async function byMcp(key: string, meta: object = {}) {
    const params = { name: 'sample_things_make', arguments: {}, _meta: { 'io.tieline/idempotency-key': key, ...meta } };
    const { text } = await stage.request('POST', '//mcp', {
      as: token,
      body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params },
      headers: { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' },
    });
    return text;
  }

  it('is made once, whichever way it comes', async () => {
    let count = 0;
    provider.answer(() => ({ body: { id: `made-${++count}` } }));
    provider.seen.length = 0;
    const first = await byRest('c1');
    const second = await byRest('c1');
    expect(first).toMatchObject({ status: 200, body: { data: { id: 'made-1' } } });
    expect([second.status, second.body]).toEqual([200, first.body]);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    // The first by the SDK, the next ones by the short way, and one that tells of its progress.
    for (const meta of [{}, {}, {}, { progressToken: 'p' }]) expect(await byMcp('c1', meta)).toContain('made-1');
    expect(await byMcp('c2')).toContain('made-2');
    expect(await byMcp('c2')).toContain('made-2');
    expect(written()).toBe(2);
  });

  it('is not made again after an unknown outcome', async () => {
    provider.answer((_, response) => void response.destroy());
    provider.seen.length = 0;
    for (let i = 0; i < 2; i++) {
      expect(await byRest('c3')).toMatchObject({ status: 504, body: { code: 'outcome_unknown' } });
      expect(await byMcp('c3')).toContain('outcome_unknown');
    }
    expect(written()).toBe(1);
  });

  it('is none of a tool for accounts, nor without text', async () => {
    const list = (key: unknown) =>
      stage.request('POST', '//mcp', {
        as: token,
        body: {
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/call',
          params: { name: 'integrations_list', arguments: {}, _meta: { 'io.tieline/idempotency-key': key } },
        },
        headers: { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' },
      });
    expect((await list('k')).text).toContain('arguments_invalid');
    expect(await byMcp(5 as never)).toContain('arguments_invalid');
  });
});
