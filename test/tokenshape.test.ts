import { describe, expect, it } from 'vitest';
import { beginningOf, withoutTokens } from '../src/tokenshape.ts';

const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlLW1hZGUtdXA';
const SECRET = 'abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE';

describe('a token', () => {
  it.each([
    ['of Google', 'ya29.a0AfH6SMBxVh-made_up_for-tests'],
    ['of GitHub', 'ghp_abcdefghijklmnopqrstuvwxyz0123456789'],
    ['of GitHub, fine-grained', 'github_pat_11AAAAAAA0abcdefghijkl_mnopqrstuv'],
    ['of Slack', 'xoxb-123456789012-abcdefghijkl'],
    ['of Stripe', 'sk_live_abcdefghijklmnop'],
    ['that is a JWT', JWT],
    ['of a user', `sk-user-${SECRET}`],
    ['of a program', `sk-client-0123456789abcdef-${SECRET}`],
    ['that is personal', `pat-0123456789abcdef-${SECRET}`],
  ])('%s is known by its shape', (_, token) => {
    for (const [before, after] of [
      ['{"x":"', '"}'],
      ['/', '?a'],
      ['', ''],
    ]) {
      expect(withoutTokens(`${before}${token}${after}`)).toBe(`${before}[secret]${after}`);
    }
    expect(withoutTokens(`${token} ${token},${token}`)).toBe('[secret] [secret],[secret]');
  });

  it.each([
    [`a-${JWT}`, 'a-[secret]'],
    [`eyJ-eyJ-${JWT}`, '[secret]'],
    [`${JWT}.${JWT}`, '[secret].[secret]'],
    ['eyJhbGciOiJIUzI1NiJ9.c2lnbmF0dXJlLW1hZGUtdXA', 'eyJhbGciOiJIUzI1NiJ9.c2lnbmF0dXJlLW1hZGUtdXA'],
    [`GET /connect/${SECRET}?option=a`, 'GET /connect/[secret]?option=a'],
    ['GET /connect/of-a-page', 'GET /connect/of-a-page'],
    ['Authorization: Bearer abc123def456ghi', 'Authorization: Bearer [secret]'],
    ['authorization: basic dXNlcjpwYXNzd29yZA==', 'authorization: basic [secret]'],
    ['"token gho123456789abc" was sent', '"token [secret]" was sent'],
    ['uses basic authentication, or a bearer authorization.', 'uses basic authentication, or a bearer authorization.'],
    ['the token refresh_failed_again', 'the token refresh_failed_again'],
  ])('of %j makes %j', (text, clean) => {
    expect(withoutTokens(text)).toBe(clean);
  });
});

it('a beginning ends with a whole word', () => {
  expect(beginningOf('one two three', 20)).toBe('one two three');
  expect(beginningOf('one two three', 9)).toBe('one two ');
  expect(beginningOf('onetwothree', 9)).toBe('');
});
