import { describe, expect, it } from 'vitest';
import { isDistrusted } from '../../src/auth/distrust.ts';
import { TielineError } from '../../src/errors.ts';

const failed = (code: string) => {
  const cause = Object.assign(new Error('fetch failed'), { code });
  return new TielineError('upstream_unreachable', 'it could not be reached', { cause });
};

describe('isDistrusted', () => {
  it.each([
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  ])('is so after %s', (code) => {
    expect(isDistrusted(failed(code))).toBe(true);
  });

  // A certificate of another name, or one that is over, is not mended by trusting more.
  it.each(['ERR_TLS_CERT_ALTNAME_INVALID', 'CERT_HAS_EXPIRED', 'ECONNREFUSED', ''])('is not after %j', (code) => {
    expect(isDistrusted(failed(code))).toBe(false);
  });

  it('is not for what is no error', () => {
    expect([undefined, null, 'SELF_SIGNED_CERT_IN_CHAIN', { code: 1 }].map(isDistrusted)).not.toContain(true);
  });
});
