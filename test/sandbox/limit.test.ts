import { expect, it } from 'vitest';
import { callLimit } from '../../src/sandbox/limit.ts';

it('lets a person call again in the next minute', () => {
  let now = 0;
  const count = callLimit(1, () => now);
  expect(count('ada')).toEqual({ 'x-ratelimit-limit': '1', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '60' });
  now = 58_500;
  expect(() => count('ada')).toThrow(
    expect.objectContaining({
      status: 429,
      options: { headers: expect.objectContaining({ 'retry-after': '2', 'x-ratelimit-reset': '60' }) },
    }),
  );
  now = 60_000;
  expect(count('ada')).toMatchObject({ 'x-ratelimit-reset': '120' });
});
