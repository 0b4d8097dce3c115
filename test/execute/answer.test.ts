import { describe, expect, it } from 'vitest';
import { readAnswer } from '../../src/execute/answer.ts';
import { failureOf } from './stage.ts';

const JSON_TYPE = 'application/json';
const PAGE = '<!DOCTYPE html><html><body>Sign in</body></html>';

function body(content: string | Uint8Array, type?: string, status = 200, expected: 'data' | 'file' = 'data'): unknown {
  const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  return readAnswer({ status, headers, bytes, url: new URL('https://api.example.com/') }, expected).body;
}

describe('readAnswer', () => {
  it.each([
    ['JSON', '{"a":[1]}', JSON_TYPE, { a: [1] }],
    ['JSON with parameters', '{"a":1}', 'Application/JSON; charset=utf-8', { a: 1 }],
    ['JSON of a vendor', '{"a":1}', 'application/vnd.api+json', { a: 1 }],
    ['JSON without a content type', ' \n{"a":1}', undefined, { a: 1 }],
    ['a list without a content type', '[1]', undefined, [1]],
    ['JSON called text', '{"a":1}', 'text/plain', { a: 1 }],
    ['JSON called a web page', '{"a":1}', 'text/html', { a: 1 }],
    ['a JSON scalar', '5', JSON_TYPE, 5],
    ['JSON null', 'null', JSON_TYPE, null],
    ['JSON behind a byte order mark', '\ufeff{"a":1}', JSON_TYPE, { a: 1 }],
    ['JSON behind a byte order mark, undeclared', '\ufeff[1]', undefined, [1]],
    ['nothing', '', JSON_TYPE, null],
    ['blanks', ' \r\n', JSON_TYPE, null],
    ['a byte order mark', '\ufeff', JSON_TYPE, null],
    ['text', 'hello', 'text/plain', 'hello'],
    ['text without a content type', 'hello', undefined, 'hello'],
    ['text that begins like JSON', '[note] hello', 'text/plain', '[note] hello'],
    ['CSV', 'a,b\n1,2\n', 'text/csv', 'a,b\n1,2\n'],
    ['XML', '<?xml version="1.0"?><a/>', 'application/xml', '<?xml version="1.0"?><a/>'],
    ['invalid UTF-8', new Uint8Array([0x68, 0xff, 0x69]), 'text/plain', 'h\ufffdi'],
    ['invalid UTF-8 in JSON', new Uint8Array([0x22, 0xc3, 0x28, 0x22]), JSON_TYPE, '\ufffd('],
    ['duplicate keys', '{"a":1,"a":2}', JSON_TYPE, { a: 2 }],
    ['a number beyond all bounds', '{"a":1e999}', JSON_TYPE, { a: Number.POSITIVE_INFINITY }],
  ])('reads %s', (_, content, type, expected) => {
    expect(body(content, type)).toEqual(expected);
  });

  it.each([
    ['broken JSON', '{"a":', JSON_TYPE],
    ['text called JSON', 'hello', JSON_TYPE],
    ['a web page called JSON', PAGE, JSON_TYPE],
    ['a web page', PAGE, 'text/html; charset=utf-8'],
    ['a web page without a content type', `\n  ${PAGE}`, undefined],
    ['a web page called text', '<html lang="en">', 'text/plain'],
  ])('refuses %s as a success', async (_, content, type) => {
    const error = await failureOf(() => body(content, type));
    expect(error.code).toBe('upstream_invalid');
    expect(error.hint).toMatch(/base URL/);
    expect(error.message).not.toContain('Sign in');
  });

  it.each([
    ['broken JSON', '{"a":', JSON_TYPE],
    ['a web page', PAGE, 'text/html'],
    ['text', 'Bad gateway', undefined],
  ])('keeps %s of a failure as text', (_, content, type) => {
    expect(body(content, type, 502)).toBe(content);
  });

  it('looks at the bytes of a file no further', () => {
    expect(body('{"a":', JSON_TYPE, 200, 'file')).toBeNull();
    expect(body(PAGE, 'text/html', 200, 'file')).toBeNull();
    expect(body('{"message":"gone"}', JSON_TYPE, 404, 'file')).toEqual({ message: 'gone' });
  });
});
