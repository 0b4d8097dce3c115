import { describe, expect, it } from 'vitest';
import { TielineError } from '../../src/errors.ts';
import { errorAnswer, resultAnswer } from '../../src/mcp/answer.ts';
import { failureOf } from '../execute/stage.ts';

const meta = { integration: 'main' };
const file = (name: string, mimeType: string, bytes: Uint8Array | string) =>
  resultAnswer({ data: null, json: 'null', meta, file: { name, mimeType, bytes: Buffer.from(bytes) } }).content[1];

describe('resultAnswer', () => {
  it.each([[null], [[]], [{ a: 'ü"\n' }], ['text'], [0], [false]])('says %j twice over', (data) => {
    const { content, structuredContent, isError } = resultAnswer({ data, json: JSON.stringify(data), meta });
    expect(structuredContent).toEqual({ data, meta });
    expect(content).toHaveLength(1);
    expect(content[0]?.type === 'text' && JSON.parse(content[0].text)).toEqual({ data, meta });
    expect(isError).toBeUndefined();
  });

  it.each(['image/png', 'image/jpeg', 'image/gif', 'image/webp'])('shows %s', (mimeType) => {
    expect(file('a', mimeType, 'abc')).toEqual({ type: 'image', data: 'YWJj', mimeType });
  });

  it.each([
    ['notes.txt', 'text/plain; charset=utf-8', 'ü', { text: 'ü' }],
    ['a.json', 'application/json', '{}', { text: '{}' }],
    ['a.svg', 'image/svg+xml', '<svg/>', { text: '<svg/>' }],
    ['a.xml', 'application/xml', '<a/>', { text: '<a/>' }],
    ['a.tiff', 'image/tiff', 'abc', { blob: 'YWJj' }],
    ['a.pdf', 'application/pdf', 'abc', { blob: 'YWJj' }],
    ['empty', 'text/plain', '', { text: '' }],
    // Text in another encoding, which would not survive as text.
    ['latin.txt', 'text/plain', new Uint8Array([0x66, 0xfc, 0x72]), { blob: 'Zvxy' }],
  ])('gives %s of type %s as a resource', (name, mimeType, bytes, content) => {
    expect(file(name, mimeType, bytes)).toEqual({
      type: 'resource',
      resource: { uri: `tieline://file/${name}`, mimeType, ...content },
    });
  });

  it.each([
    ['a b/../c?d#e.txt', 'tieline://file/a%20b%2F..%2Fc%3Fd%23e.txt'],
    ['ü\r\n', 'tieline://file/%C3%BC%0D%0A'],
    ['\ud800', 'tieline://file/%EF%BF%BD'],
  ])('puts the name %j into one segment', (name, uri) => {
    expect(file(name, 'text/plain', '')).toMatchObject({ resource: { uri } });
  });

  it('takes only the bytes of the file out of their buffer', () => {
    const all = Buffer.from('before-inside-after');
    const bytes = new Uint8Array(all.buffer, all.byteOffset + 7, 6);
    const { content } = resultAnswer({
      data: null,
      json: 'null',
      meta,
      file: { name: 'a', mimeType: 'text/plain', bytes },
    });
    expect(content[1]).toMatchObject({ resource: { text: 'inside' } });
  });

  it('refuses a file that is too large', async () => {
    const error = await failureOf(() => file('big', 'image/png', new Uint8Array(4 * 1024 * 1024 + 1)));
    expect(error).toMatchObject({ code: 'result_too_large', message: expect.stringContaining('4194305') });
    expect(file('big', 'image/png', new Uint8Array(4 * 1024 * 1024))).toMatchObject({ type: 'image' });
  });
});

describe('errorAnswer', () => {
  const never = () => {
    throw new Error('a known failure is not reported');
  };

  it.each([
    [new TielineError('not_found', 'gone'), 'not_found: gone', { code: 'not_found', message: 'gone' }],
    [
      new TielineError('rate_limited', 'slow down', { hint: 'Wait, then try again.', retryAfter: 7 }),
      'rate_limited: slow down\nWait, then try again.\nRetry after 7 s.',
      { code: 'rate_limited', message: 'slow down', hint: 'Wait, then try again.', retryAfter: 7 },
    ],
    [
      new TielineError('upstream_failed', 'x', { retryAfter: 0 }),
      'upstream_failed: x\nRetry after 0 s.',
      { code: 'upstream_failed', message: 'x', retryAfter: 0 },
    ],
  ])('says what happened and the next step: %s', (failure, text, error) => {
    expect(errorAnswer(failure, never)).toEqual({
      isError: true,
      content: [{ type: 'text', text }],
      structuredContent: { error },
    });
  });

  it('shows no cause and no secret', () => {
    const token = 'ghp_abcdefghijklmnopqrstuvwxyz0123456789';
    const failure = new TielineError('upstream_failed', `with ${token}`, {
      hint: `Not ${token}.`,
      cause: new Error('the cause'),
    });
    const text = JSON.stringify(errorAnswer(failure, never));
    expect(text).toContain('with [secret]');
    expect(text).not.toMatch(/ghp_|the cause|stack/);
  });

  it.each([
    new TypeError('cannot read /home/ada'),
    'thrown text',
    undefined,
    null,
    { code: 'not_found', message: 'fake' },
  ])('keeps anything else to the log, under a reference: %s', (error) => {
    const reported: [string, unknown][] = [];
    const answer = errorAnswer(error, (...report) => reported.push(report));
    expect(reported).toHaveLength(1);
    const [reference, cause] = reported[0] ?? [];
    expect(cause).toBe(error);
    expect(reference).toMatch(/^[\da-f]{8}$/);
    expect(answer.structuredContent).toEqual({
      error: { code: 'internal', message: `Tieline failed (reference ${reference})`, hint: 'See its log.' },
    });
    expect(JSON.stringify(answer)).not.toMatch(/home|fake|thrown/);
  });
});
