import type { VouchedUser } from '../auth/type.ts';
import type { Principal } from '../integration/principal.ts';
import type { Engine } from './engine.ts';

/**
 * The caller, as tokens of Tieline's own name them to other APIs. Their kind is plain `JWT`, so that none of them passes
 * for a login at Tieline itself. Undefined where the engine has no keys to sign with.
 */
export function vouchedUser({ signingKeys }: Engine, { organization, user }: Principal): VouchedUser | undefined {
  if (!signingKeys) return undefined;
  const signToken: VouchedUser['signToken'] = (token) => signingKeys.sign({ ...token, subject: user, type: 'JWT' });
  return { id: user, organization, signToken };
}
