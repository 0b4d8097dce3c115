import { describe, expect, it } from 'vitest';
import { createConnection } from '../../src/connection/save.ts';
import { openDesk } from './place.ts';

describe('the generic actions', () => {
  const call = async (pair: string, params: object) => {
    const it = await openDesk();
    await createConnection(it.place, it.saving);
    it.api.seen.length = 0;
    return { ...it, done: await it.call(pair, { ...params }).catch((error: unknown) => error), seen: it.api.seen };
  };

  it.each([
    ['post', { json: { a: [1, null] } }, 'application/json', '{"a":[1,null]}'],
    ['put', { json: 'text' }, 'application/json', '"text"'],
    ['patch', { text: '<a/>', headers: { 'content-type': 'text/xml' } }, 'text/xml', '<a/>'],
    ['post', { text: 'plain' }, 'text/plain; charset=utf-8', 'plain'],
    ['delete', {}, undefined, ''],
  ])('%s %j', async (action, params, type, body) => {
    const { seen, done } = await call(`requests.${action}`, { path: '/things/', ...params });
    expect(done).toEqual({ status: 200, body: { ok: true } });
    expect(seen).toMatchObject([{ method: action.toUpperCase(), url: '/things/', body }]);
    expect(seen[0]?.headers['content-type']).toBe(type);
  });

  it.each(['..', 'a/../b', '/%2e%2E/x', './x', 'x?y=1', 'x#y', 'a\\b'])('refuse the path %s', async (path) => {
    const { seen, done } = await call('requests.get', { path });
    expect(done).toMatchObject({ code: 'arguments_invalid' });
    expect(seen).toEqual([]);
  });

  it.each(['authorization', 'cookie', 'host', 'Authorization', 'x-forwarded-for'])(
    'refuse the header %s',
    async (name) => {
      const { seen, done } = await call('requests.get', { path: 'x', headers: { [name]: 'mine' } });
      expect(done).toMatchObject({ code: 'arguments_invalid' });
      expect(seen).toEqual([]);
    },
  );

  it.each(['//evil.example/x', 'https://evil.example/x', '@evil.example', ':1/x', '%2F..%2F..'])(
    'stay at the API with the path %s',
    async (path) => {
      const { seen, done } = await call('requests.get', { path });
      expect(done).toMatchObject({ status: 200 });
      expect(new URL(seen[0]?.url ?? '', 'http://x').host).toBe('x');
    },
  );

  it('tell what they do', async () => {
    const { place } = await call('requests.get', { path: 'x' });
    const tools = place.engine.catalog.tools.map(({ name, annotations: it }) => {
      return [name, it.readOnlyHint, it.destructiveHint, it.idempotentHint];
    });
    expect(tools).toEqual([
      ['desk_requests_delete', false, true, true],
      ['desk_requests_get', true, false, true],
      ['desk_requests_patch', false, false, false],
      ['desk_requests_post', false, false, false],
      ['desk_requests_put', false, true, true],
    ]);
  });
});
