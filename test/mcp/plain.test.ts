import { describe, expect, it } from 'vitest';
import { IDEMPOTENCY_KEY, plainRequest } from '../../src/mcp/plain.ts';

const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
const call = { ...list, method: 'tools/call', params: { name: 'a_b_get' } };
const withParams = (params: unknown) => ({ ...call, params: { ...call.params, ...(params as object) } });
const json = (text: string): unknown => JSON.parse(text);

describe('a plain request', () => {
  it.each([
    [list, { id: 1, meta: undefined, method: 'tools/list' }],
    [
      { ...list, params: {} },
      { id: 1, meta: undefined, method: 'tools/list' },
    ],
    [
      { ...list, params: { _meta: { a: 1 } } },
      { id: 1, meta: { a: 1 }, method: 'tools/list' },
    ],
    [call, { id: 1, meta: undefined, method: 'tools/call', name: 'a_b_get', args: {} }],
    [withParams({ arguments: { a: [1] } }), { id: 1, method: 'tools/call', name: 'a_b_get', args: { a: [1] } }],
    [
      { ...call, id: '' },
      { id: '', method: 'tools/call', name: 'a_b_get', args: {} },
    ],
    [
      { ...call, id: -1 },
      { id: -1, method: 'tools/call', name: 'a_b_get', args: {} },
    ],
    [withParams({ arguments: { constructor: 1 } }), { id: 1, method: 'tools/call', name: 'a_b_get' }],
    [withParams({ _meta: { [IDEMPOTENCY_KEY]: 'k' } }), { meta: undefined, idempotencyKey: 'k' }],
    [withParams({ _meta: { [IDEMPOTENCY_KEY]: 'k', a: 1 } }), { meta: { a: 1 }, idempotencyKey: 'k' }],
  ])('is %j', (message, plain) => {
    expect(plainRequest(message)).toMatchObject(plain);
  });

  it.each([
    [undefined],
    [null],
    ['text'],
    [[]],
    [[call]],
    [{}],
    [{ ...call, jsonrpc: '1.0' }],
    [{ ...call, id: undefined }],
    [{ ...call, id: null }],
    [{ ...call, id: 1.5 }],
    [{ ...call, id: 2 ** 53 }],
    [{ ...call, id: {} }],
    [{ ...call, more: 1 }],
    [{ ...call, method: 'tools/other' }],
    [{ ...call, params: undefined }],
    [{ ...call, params: null }],
    [{ ...call, params: [] }],
    [{ ...call, params: 'x' }],
    [{ ...list, params: { cursor: 'x' } }],
    [{ ...list, params: { name: 'x' } }],
    [withParams({ name: 1 })],
    [withParams({ arguments: null })],
    [withParams({ arguments: [] })],
    [withParams({ arguments: 'x' })],
    [withParams({ task: {} })],
    [withParams({ requestState: 'x' })],
    [withParams({ inputResponses: {} })],
    [withParams({ _meta: null })],
    [withParams({ _meta: { [IDEMPOTENCY_KEY]: 1 } })],
    [withParams({ _meta: [] })],
    [withParams({ _meta: { progressToken: 1 } })],
    [withParams({ _meta: { progressToken: undefined } })],
    [json('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","__proto__":{}}}')],
    [json('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{"__proto__":{}}}}')],
    [json('{"jsonrpc":"2.0","id":1,"method":"tools/list","__proto__":{"params":{}}}')],
  ])('is not %j', (message) => {
    expect(plainRequest(message)).toBeUndefined();
  });
});
