import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTielineError } from '../../src/errors.ts';
import { compilePathTemplate } from '../../src/expression/template.ts';

const fill = (source: string, args: unknown): string => compilePathTemplate(source).evaluate({ args });

describe('a path template', () => {
  it.each<[string, unknown, string]>([
    ['', {}, ''],
    ['/', {}, '/'],
    ['/users/me', {}, '/users/me'],
    ['/a//b/', {}, '/a//b/'],
    ['/users/{{ args.id }}', { id: 'ann' }, '/users/ann'],
    ['/users/{{ args.id }}/', { id: 7 }, '/users/7/'],
    ['/{{ args.flag }}', { flag: false }, '/false'],
    ['/{{ args.owner }}/{{ args.repo }}.git', { owner: 'a b', repo: 'é' }, '/a%20b/%C3%A9.git'],
    ['/files/{{ args.name }}.json', { name: '.' }, '/files/..json'],
    ['/v{{ args.version }}/x', { version: '' }, '/v/x'],
    ['/messages/{{ args.id }}:send', { id: '1:2' }, '/messages/1%3A2:send'],
    ['/{{ args.path }}/end', { path: ['a', 'b/c', 3] }, '/a/b%2Fc/3/end'],
    ['/%2e{{ args.x }}', { x: 'a' }, '/%2ea'],
    ['/x/{{ args.id }}', { id: '...' }, '/x/...'],
    ['/x/{{ args.id }}', { id: '%2e%2e' }, '/x/%252e%252e'],
    ['/x/{{ args.id }}', { id: '../..' }, '/x/..%2F..'],
    ['/x/{{ args.id }}', { id: '\\..\\' }, '/x/%5C..%5C'],
    ['/x/{{ args.id }}', { id: '?a=b#c' }, '/x/%3Fa%3Db%23c'],
    ['/x/{{ args.id }}', { id: 'a\r\nHost: evil\0' }, '/x/a%0D%0AHost%3A%20evil%00'],
    ['/x/{{ args.id }}', { id: '@evil.example:80//' }, '/x/%40evil.example%3A80%2F%2F'],
    ['/x/{{ args.id ?? "none" }}', {}, '/x/none'],
  ])('%s with %j is %s', (source, args, path) => {
    expect(fill(source, args)).toBe(path);
  });

  it.each<[string, unknown, string]>([
    ['/x/{{ args.id }}', {}, 'is missing'],
    ['/x/{{ args.id }}', { id: null }, 'is missing'],
    ['/x/{{ args.id }}', { id: '' }, 'is empty'],
    ['/x/{{ args.id }}', { id: [] }, 'is empty'],
    ['/x/{{ args.id }}', { id: ['a', '', 'b'] }, 'is empty'],
    ['/x/{{ args.id }}', { id: '.' }, 'is . or ..'],
    ['/x/{{ args.id }}/y', { id: '..' }, 'is . or ..'],
    ['/x/{{ args.id }}', { id: ['a', '..'] }, 'is . or ..'],
    ['/x/.{{ args.id }}', { id: '.' }, 'is . or ..'],
    ['/x/{{ args.id }}{{ args.id }}', { id: '.' }, 'is . or ..'],
    ['/x/%2E{{ args.id }}', { id: '.' }, 'is . or ..'],
    ['/x/{{ args.id }}', { id: '\ud800' }, 'is not well-formed Unicode'],
    ['/x/{{ args.id }}', { id: ['a', 'b\udfff'] }, 'is not well-formed Unicode'],
    ['/x/{{ args.id }}', { id: { a: 1 } }, 'is not text'],
    ['/x/{{ args.id }}', { id: [['a']] }, 'is not text'],
    ['/x/{{ args.id }}', { id: Number.NaN }, 'is not text'],
  ])('%s refuses %j', (source, args, reason) => {
    const message = `{{ args.id }} ${reason} and cannot be a path segment`;
    expect(() => fill(source, args)).toThrow(expect.objectContaining({ code: 'arguments_invalid', message }));
  });

  it.each([
    'users',
    '{{ args.id }}',
    'https://h.example/',
    '/a?b={{ args.id }}',
    '/a#b',
    '/a\\b',
    '/a\tb',
    '/a\n',
    '/../a',
    '/a/.',
    '/%2E%2e/a',
    '/{{ args.id',
    '/{{ }}',
  ])('%j is no path', (source) => {
    expect(() => compilePathTemplate(source)).toThrow(expect.objectContaining({ code: 'definition_invalid' }));
  });

  it('tells what it uses', () => {
    expect(compilePathTemplate('/{{ args.id }}/{{ f(item.id) }}')).toMatchObject({
      sandboxed: true,
      roots: new Set(['args', 'f', 'item']),
      expressions: ['args.id', 'f(item.id)'],
    });
  });

  it('never leaves the base, whatever the arguments', () => {
    const nasty = fc.constantFrom(
      '..',
      '.',
      '%2e%2e',
      '%2E',
      '/',
      '//',
      '\\',
      '?',
      '#',
      '\r\n',
      '\0',
      '\t',
      '@',
      ':',
      ';',
      '\ud800',
      '',
      'ⅲ',
      '。。',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.oneof(nasty, fc.string()), { maxLength: 4 }).map((it) => it.join('')),
    );
    const value = fc.oneof(text, fc.array(text, { maxLength: 3 }), fc.integer(), fc.jsonValue());
    const templates = [
      '/{{ args.a }}',
      '/x/{{ args.a }}/y/{{ args.b }}',
      '/x/{{ args.a }}{{ args.b }}',
      '/.{{ args.a }}.{{ args.b }}/',
      '/%2e{{ args.a }}',
    ];
    let filled = 0;
    fc.assert(
      fc.property(fc.constantFrom(...templates), value, value, (source, a, b) => {
        let path: string;
        try {
          path = fill(source, { a, b });
        } catch (error) {
          expect(isTielineError(error) && error.code).toBe('arguments_invalid');
          return;
        }
        filled += 1;
        const url = new URL(`https://h.example/base${path}`);
        expect(url.origin).toBe('https://h.example');
        expect(url.href).toBe(`https://h.example/base${path}`);
        expect(url.pathname).toBe(`/base${path}`);
        expect([a, b].some(Array.isArray) || path.split('/').length === source.split('/').length).toBe(true);
      }),
      { numRuns: 3_000 },
    );
    expect(filled).toBeGreaterThan(500);
  });
});
