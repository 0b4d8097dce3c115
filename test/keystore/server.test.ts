import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { openStore } from '../../src/keystore/open.ts';
import { SERVER_LIMITS, shownUrl } from '../../src/keystore/server.ts';
import { failureOf } from './failure.ts';

describe.each(['postgres', 'postgresql', 'redis', 'rediss'])('%s:', (scheme) => {
  it.each([
    ['no host', ':app:hunter2222@cache'],
    ['a slash in the password', '://app:12/hunter2222@127.0.0.1/0'],
    ['a question mark in the password', '://app:12?hunter2222@127.0.0.1/0'],
    ['a hash in the password', '://app:12#hunter2222@127.0.0.1/0'],
    ['a stray percent in the password', '://app:hunter2222%zz@127.0.0.1/0'],
    ['a bad port', '://app:hunter2222@127.0.0.1:x/0'],
    ['a bad schema or prefix', `://app:hunter2222@127.0.0.1/0?schema=x"&prefix=a*b`],
  ])('with %s is refused without being repeated', async (_, rest) => {
    const error = await failureOf(openStore(scheme + rest));
    expect(error).toMatchObject({ code: 'config_invalid', hint: expect.any(String) });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/hunter2222|127\.0\.0\.1/);
  });

  it('with nobody there says where, not who, and that it may be tried again', async () => {
    const error = await failureOf(openStore(`${scheme}://app-user:hunter%202222@127.0.0.1:1/7`));
    expect(error).toMatchObject({
      code: 'store_unavailable',
      message: `the store ${scheme}://127.0.0.1:1/7 cannot be reached`,
      hint: expect.stringContaining('TIELINE_STORE'),
      retryAfter: 1,
    });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/hunter|app-user/);
  });
});

it.each([
  ['postgres://app:hunter2222@db.example:5433/tieline?sslmode=require', 'postgres://db.example:5433/tieline'],
  ['rediss://:hunter2222@cache.example/3?prefix=x', 'rediss://cache.example/3'],
  ['postgres:///tieline?host=/run/postgresql&password=hunter2222', 'postgres:///tieline'],
  ['sqlite:/var/lib/a?b.db', 'sqlite:/var/lib/a?b.db'],
  ['memory:', 'memory:'],
])('%s is shown as %s', (url, shown) => {
  expect(shownUrl(url)).toBe(shown);
});

it('servers have 5 s to let a connection in and 10 s to answer', () => {
  expect(SERVER_LIMITS).toEqual({ connectMs: 5_000, answerMs: 10_000 });
});
