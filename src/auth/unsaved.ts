import { isDeepStrictEqual } from 'node:util';
import type { StoreKey } from '../keystore/store.ts';
import type { Credential } from './credential.ts';

/** What a provider gave and the store has not taken yet: the only copy there is, once refresh tokens are rotated. */
export type Unsaved = {
  readonly key: StoreKey;
  /** The credential it was given for. Only that one may be replaced by it. */
  readonly follows: Pick<Credential, 'version' | 'obtainedAt'>;
  readonly next: Credential;
  /** Whether it is on disk too. */
  readonly isSpooled?: boolean;
};

/** Whether the stored credential is still the one that it was given for. */
export const isFollowedBy = (stored: Credential, { follows, next }: Unsaved): boolean =>
  stored.version === follows.version &&
  stored.obtainedAt === follows.obtainedAt &&
  next.version === stored.version + 1 &&
  stored.failure === undefined;

/** Whether it has been saved after all, as by a write whose answer was lost. */
export const isSavedAs = (stored: Credential, { next }: Unsaved): boolean => isDeepStrictEqual({ ...stored }, next);
