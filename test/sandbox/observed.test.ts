import { expect, it } from 'vitest';
import { MOST_OBSERVED, Observed } from '../../src/sandbox/observed.ts';

it('keeps the newest ones only, and counts all refreshes', () => {
  const observed = new Observed();
  const { tokenRequests, apiCalls } = observed;
  for (let at = 1; at <= MOST_OBSERVED + 2; at += 1) {
    observed.tokenRequest({ grantType: 'refresh_token', ok: at !== 2, at });
    observed.apiCall({ method: 'GET', path: '/', status: 200, at });
  }
  for (const all of [tokenRequests, apiCalls]) {
    expect([all.length, all[0]?.at, all.at(-1)?.at]).toEqual([MOST_OBSERVED, 3, MOST_OBSERVED + 2]);
  }
  expect(observed.refreshes()).toBe(MOST_OBSERVED + 1);
});

it('counts no token request but a refresh that succeeded', () => {
  const observed = new Observed();
  observed.tokenRequest({ grantType: 'authorization_code', ok: true, at: 1 });
  observed.tokenRequest({ grantType: 'refresh_token', ok: false, error: 'invalid_grant', at: 2 });
  expect(observed.refreshes()).toBe(0);
});
