import { createHash } from 'node:crypto';
import type { Adapter, AdapterPayload } from 'oidc-provider';
import { endGrant, type Grant, readGrant } from '../../integration/grant.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { storeKey } from '../../keystore/store.ts';
import { registeredClient } from './registration.ts';

export type AdapterOptions = {
  readonly keystore: Keystore;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** What to throw when a code or refresh token has been used by somebody else just now. */
  readonly alreadyUsed: () => Error;
  /** Told of each use of a code or refresh token, as each leaves a record of it; throws where there are too many. */
  readonly beforeUse?: (payload: AdapterPayload) => void;
};

/** Codes and tokens are secrets, and the keys of the store are not sealed. */
const recordKey = (model: string, id: string) =>
  storeKey('oauth', model, createHash('sha256').update(id, 'utf8').digest('base64url'));

/** Account ids of oidc-provider: a user id says nothing without its organization. */
export const accountId = ({ organization, user }: Pick<Grant, 'organization' | 'user'>): string =>
  `${organization}/${user}`;

export function accountOf(id: string): Pick<Grant, 'organization' | 'user'> {
  const [organization = '', user = ''] = id.split('/');
  return { organization, user };
}

/** What oidc-provider remembers, sealed in the keystore, where every process finds it. */
export function createAdapter(model: string, options: AdapterOptions): Adapter {
  const { keystore, now, alreadyUsed, beforeUse } = options;
  const write = (id: string, payload: AdapterPayload, seconds: number | undefined) =>
    keystore.write(recordKey(model, id), payload, seconds === undefined ? undefined : Math.max(1, seconds) * 1_000);
  const stored: Adapter = {
    upsert: (id, payload, expiresIn) => write(id, payload, expiresIn),
    find: async (id) => (await keystore.read<AdapterPayload>(recordKey(model, id)))?.value,
    async consume(id) {
      const record = await keystore.read<AdapterPayload>(recordKey(model, id));
      const seconds = Math.floor(Date.now() / 1_000);
      const payload = { ...record?.value, consumed: seconds };
      const isFirst = record && !record.value.consumed;
      if (isFirst) beforeUse?.(record.value);
      // Of two that come at once with one token, the other is refused.
      if (!isFirst || !(await keystore.replace(recordKey(model, id), record, payload))) throw alreadyUsed();
      // A used token stays known until it would have expired, so that its reuse is noticed.
      await write(id, payload, (record.value.exp ?? seconds) - seconds);
    },
    destroy: async (id) => void (await keystore.delete(recordKey(model, id))),
    // Neither code nor token is good without its grant: ending that one ends them all.
    revokeByGrantId: (id) => endGrant(keystore, id),
    ...NO_LOOKUPS,
  };
  if (model === 'Session') return FORGETFUL;
  if (model === 'Client') return { ...FORGETFUL, find: async (id) => registeredClient(keystore, id) };
  if (model !== 'Grant') return stored;
  return {
    ...stored,
    async find(id) {
      const grant = await readGrant(keystore, id, now());
      return grant && payloadOf(grant);
    },
    destroy: (id) => endGrant(keystore, id),
  };
}

/** Only the device flow and its browser sessions look for anything else than ids; Tieline has sessions of its own. */
const NO_LOOKUPS = { findByUid: async () => undefined, findByUserCode: async () => undefined };

const nothing = async () => undefined;
const FORGETFUL: Adapter = {
  upsert: nothing,
  find: nothing,
  consume: nothing,
  destroy: nothing,
  revokeByGrantId: nothing,
  ...NO_LOOKUPS,
};

/** A grant as oidc-provider keeps it. */
const payloadOf = (grant: Grant): AdapterPayload => ({
  jti: grant.id,
  kind: 'Grant',
  iat: Math.floor(grant.createdAt / 1_000),
  exp: Math.floor(grant.expiresAt / 1_000),
  accountId: accountId(grant),
  clientId: grant.client.id,
  resources: { [grant.resource]: grant.scopes.join(' ') },
});
