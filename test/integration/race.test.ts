import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  addIntegration,
  readIntegrations,
  removeIntegration,
  renameIntegration,
  setDefaultIntegration,
} from '../../src/integration/accounts.ts';
import { masterKey } from '../../src/keystore/keyring.ts';
import { openSqlite } from '../../src/keystore/sqlite.ts';
import { temporaryFolder } from '../keystore/place.ts';
import { credentialOf, credentialsIn, principal, tokenOf, type Watched, watched } from './place.ts';

const ada = principal('org', 'ada');

/** Two keystores on one file, as two processes have them. */
async function twoHandles(): Promise<[Watched, Watched]> {
  const file = join(await temporaryFolder(), 'tieline.db');
  const key = masterKey(randomBytes(32));
  const keyring = { current: key, find: () => key, source: 'memory' as const };
  return [await watched(await openSqlite(file), keyring), await watched(await openSqlite(file), keyring)];
}

const add = ({ keystore }: Watched, identifier: string) =>
  addIntegration(
    keystore,
    ada,
    { connector: 'desk', identifier, option: 'oauth', settings: {}, account: {}, createdAt: Date.now() },
    credentialOf(identifier),
  );

/** The codes of those that failed. */
const failures = (outcomes: readonly PromiseSettledResult<unknown>[]) =>
  outcomes.flatMap((it) => (it.status === 'rejected' ? [(it.reason as { code?: string }).code ?? it.reason] : []));

describe('two processes on one file', () => {
  it('add fifty accounts at once, and all are there', async () => {
    const [one, other] = await twoHandles();
    const wanted = Array.from({ length: 50 }, (_, i) => `account ${i}`);
    const outcomes = await Promise.allSettled(wanted.map((name, i) => add(i % 2 === 0 ? one : other, name)));
    expect(failures(outcomes)).toEqual([]);
    const { items, default: chosen } = await readIntegrations(one.keystore, ada, 'desk');
    expect(items.map((it) => it.identifier).sort()).toEqual([...wanted].sort());
    expect(chosen).toBe(items[0]?.id);
    for (const it of items) {
      expect(await tokenOf(other.keystore, ada, 'desk', it.id)).toBe(`token of ${it.identifier}`);
    }
  });

  it('add one name at once: one wins, and the others leave nothing behind', async () => {
    const [one, other] = await twoHandles();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 12 }, (_, i) => add(i % 2 === 0 ? one : other, 'work')),
    );
    expect(failures(outcomes)).toEqual(Array(11).fill('integration_exists'));
    const { items } = await readIntegrations(one.keystore, ada, 'desk');
    expect(items).toHaveLength(1);
    expect((await credentialsIn(one)) + (await credentialsIn(other))).toBe(1);
    expect(await tokenOf(other.keystore, ada, 'desk', items[0]?.id ?? '')).toBe('token of work');
  });

  it('remove one account at once: one does, the others are told', async () => {
    const [one, other] = await twoHandles();
    for (const name of ['a', 'b', 'c']) await add(one, name);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, i) => removeIntegration((i % 2 === 0 ? one : other).keystore, ada, 'desk', 'a')),
    );
    expect(failures(outcomes)).toEqual(Array(7).fill('integration_unknown'));
    const { items, default: chosen } = await readIntegrations(other.keystore, ada, 'desk');
    expect(items.map((it) => it.identifier)).toEqual(['b', 'c']);
    expect(chosen).toBe(items[1]?.id);
    expect(await credentialsIn(one)).toBe(2);
  });

  it('rename two accounts to one name at once: one wins', async () => {
    const [one, other] = await twoHandles();
    for (const name of ['a', 'b']) await add(one, name);
    const outcomes = await Promise.allSettled([
      renameIntegration(one.keystore, ada, 'desk', 'a', 'work'),
      renameIntegration(other.keystore, ada, 'desk', 'b', 'work'),
    ]);
    expect(failures(outcomes)).toEqual(['integration_exists']);
  });

  it('leave a default that is there, whatever they do at once', async () => {
    const [one, other] = await twoHandles();
    for (const name of ['a', 'b', 'c', 'd']) await add(one, name);
    await Promise.allSettled([
      setDefaultIntegration(one.keystore, ada, 'desk', 'b'),
      removeIntegration(other.keystore, ada, 'desk', 'b'),
      setDefaultIntegration(one.keystore, ada, 'desk', 'c'),
      removeIntegration(other.keystore, ada, 'desk', 'c'),
      add(one, 'e'),
    ]);
    const { items, default: chosen } = await readIntegrations(other.keystore, ada, 'desk');
    expect(items.map((it) => it.identifier)).toEqual(['a', 'd', 'e']);
    expect(items.map((it) => it.id)).toContain(chosen);
  });
});
