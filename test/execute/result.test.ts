import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planAction } from '../../src/connector/plan.ts';
import { shapeResult } from '../../src/execute/result.ts';
import { loadSandbox, Scripts } from '../../src/expression/sandbox.ts';
import { connectorOf, failureOf, reading, things } from './stage.ts';

let scripts: Scripts;

beforeAll(async () => {
  await loadSandbox();
  scripts = new Scripts();
});

afterAll(() => scripts.dispose());

function shape(
  result: object | undefined,
  body: unknown,
  more: { args?: object; bytes?: Uint8Array; headers?: object } = {},
) {
  const { args = {}, bytes = new Uint8Array(), headers = {} } = more;
  const get = { ...reading, request: { path: '/' }, result };
  const { spec } = connectorOf({ server: { baseUrl: 'https://a.example' }, entities: things({ get }) }).action(
    'things',
    'get',
  );
  const { result: plan } = planAction(spec, { pagination: undefined, errors: [] });
  return shapeResult(plan, { args, response: { status: 200, headers, body } }, bytes, scripts);
}

describe('a value', () => {
  it.each([
    ['the body by default', undefined, { a: 1 }, { a: 1 }],
    ['null without content', undefined, null, null],
    ['what the definition picks', { value: { id: '{{ response.body.a }}', ok: true } }, { a: 1 }, { id: 1, ok: true }],
    ['null where that is not there', { value: '{{ response.body.b }}' }, { a: 1 }, null],
    ['a computed one', { value: '{{ response.body.a.length }}' }, { a: [1, 2] }, 2],
  ])('is %s', (_, result, body, data) => {
    expect(shape(result, body)).toEqual({ data, count: undefined });
  });
});

describe('records', () => {
  const records = '{{ response.body.items }}';

  it.each([
    ['are those of the list', { records }, { items: [{ a: 1 }, { a: 2 }] }, [{ a: 1 }, { a: 2 }], 2],
    ['become what each says', { records, each: { id: '{{ item.a }}' } }, { items: [{ a: 1, b: 2 }] }, [{ id: 1 }], 1],
    [
      'stay in place where each gives nothing',
      { records, each: '{{ item.a }}' },
      { items: [{}, { a: 1 }] },
      [null, 1],
      2,
    ],
    ['are none where the list is left out', { records }, {}, [], 0],
    ['are none where the list is null', { records }, { items: null }, [], 0],
  ])('%s', (_, result, body, data, count) => {
    expect(shape(result, body)).toEqual({ data, count });
  });

  it.each([['text'], [{ a: 1 }], [7], [true]])('cannot be %j', async (items) => {
    const error = await failureOf(() => shape({ records }, { items }));
    expect(error).toMatchObject({
      code: 'upstream_invalid',
      message: 'the provider gave no list where one was expected',
    });
  });
});

describe('a file', () => {
  const file = {
    name: '{{ args.name }}',
    mimeType: "{{ response.headers['content-type'] }}",
  };
  const bytes = new Uint8Array([0, 1, 255]);

  it('is the body', () => {
    const headers = { 'content-type': 'Image/PNG; x=y' };
    const shaped = shape({ file }, null, { args: { name: 'a.png' }, bytes, headers });
    expect(shaped).toEqual({
      data: { name: 'a.png', mimeType: 'image/png', bytes: 3 },
      count: undefined,
      file: { name: 'a.png', mimeType: 'image/png', bytes },
    });
  });

  it('may be base64 in the body', () => {
    const content = { ...file, base64: '{{ response.body.data }}' };
    const shaped = shape({ file: content }, { data: 'AAH_' }, { args: { name: 'a.bin' } });
    expect(Buffer.from(shaped.file?.bytes ?? [])).toEqual(Buffer.from(bytes));
    expect(shape({ file: content }, { data: '' }, { args: { name: 'a' } }).file?.bytes).toHaveLength(0);
  });

  it.each([undefined, null, 7, 'no base64!', 'abcde'])('is not made of %j', async (data) => {
    const content = { ...file, base64: '{{ response.body.data }}' };
    const error = await failureOf(() => shape({ file: content }, { data }, { args: { name: 'a' } }));
    expect(error).toMatchObject({ code: 'upstream_invalid', message: 'the content of a is not base64' });
  });

  it.each([
    [{ name: 'a.csv' }, {}, { name: 'a.csv', mimeType: 'text/csv; charset=utf-8' }],
    [{}, {}, { name: 'file', mimeType: 'application/octet-stream' }],
    [{ name: 7 }, { 'content-type': '' }, { name: 'file', mimeType: 'application/octet-stream' }],
  ])('with %j and %j is %j', (args, headers, expected) => {
    expect(shape({ file }, null, { args, bytes, headers }).file).toMatchObject(expected);
  });
});
