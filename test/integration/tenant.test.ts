import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClientKey, findClientKey, listClientKeys, revokeClientKey } from '../../src/integration/clientkey.ts';
import { addToDirectory, readDirectory, removeFromDirectory } from '../../src/integration/directory.ts';
import { createOrganization, listOrganizations, updateOrganization } from '../../src/integration/organization.ts';
import {
  authenticateUser,
  createUser,
  deleteUser,
  disableUser,
  enableUser,
  ensureUser,
  findUser,
  listUsers,
  readUser,
  rotateUserSecret,
} from '../../src/integration/user.ts';
import { type Keystore, memoryKeystore } from '../../src/keystore/keystore.ts';

let keystore: Keystore;
beforeEach(async () => {
  keystore = await memoryKeystore();
});
afterEach(() => keystore.close());

describe('a directory', () => {
  const listing = ['users', 'acme'] as const;

  it('lists in the order of coming, in pages, through removals and over many records', async () => {
    const ids = Array.from({ length: 600 }, (_, i) => `id-${i}`);
    for (const id of ids) await addToDirectory(keystore, listing, id);
    await removeFromDirectory(keystore, listing, 'id-0');
    await removeFromDirectory(keystore, listing, 'id-300');
    await removeFromDirectory(keystore, listing, 'nobody');
    const found: string[] = [];
    let after: Parameters<typeof readDirectory>[2]['after'];
    for (;;) {
      const page = await readDirectory(keystore, listing, { after, limit: 70 });
      found.push(...page.ids);
      // One that ended a page goes before the next is read.
      if (found.length === 70) await removeFromDirectory(keystore, listing, found.at(-1) ?? '');
      if (!page.next) break;
      after = page.next;
    }
    expect(found).toEqual(ids.filter((id) => id !== 'id-0' && id !== 'id-300'));
  });

  it('loses none of those that come at one time', async () => {
    const ids = Array.from({ length: 300 }, (_, i) => `id-${i}`);
    await Promise.all(ids.map((id) => addToDirectory(keystore, listing, id)));
    const page = await readDirectory(keystore, listing, { limit: 1_000 });
    expect([...page.ids].sort()).toEqual([...ids].sort());
    expect(page.next).toBeUndefined();
  });
});

describe('client API keys', () => {
  it('are found by their text only, until they are revoked', async () => {
    const { record, text } = await createClientKey(keystore, { name: 'a', organizations: ['acme', 'beta'], now: 1 });
    expect(text).toMatch(/^sk-client-[0-9a-f]{16}-[\w-]{43}$/);
    expect(JSON.stringify(record)).not.toContain(text.slice(-43));
    expect(await findClientKey(keystore, text)).toEqual(record);
    expect(await revokeClientKey(keystore, 'other', record.id)).toBe(false);
    expect(await revokeClientKey(keystore, 'beta', record.id)).toBe(true);
    expect(await findClientKey(keystore, text)).toBeUndefined();
    expect(await listClientKeys(keystore, 'acme')).toEqual([]);
  });

  it.each(['', 'sk-client-', 'x', `sk-client-0123456789abcdef-${'A'.repeat(43)}`])(
    'knows nothing of %j',
    async (text) => {
      expect(await findClientKey(keystore, text)).toBeUndefined();
    },
  );

  it('does not take the right id with another secret', async () => {
    const { text } = await createClientKey(keystore, { name: 'a', organizations: ['acme'], now: 1 });
    const other = await createClientKey(keystore, { name: 'b', organizations: ['acme'], now: 1 });
    const mixed = text.slice(0, 26) + other.text.slice(26);
    expect(mixed).not.toBe(other.text);
    expect(await findClientKey(keystore, mixed)).toBeUndefined();
  });
});

describe('users', () => {
  it('are one for each identifier, however many make it at one time', async () => {
    const made = await Promise.allSettled(Array.from({ length: 20 }, () => createUser(keystore, 'acme', 'ada', 1)));
    const fine = made.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []));
    expect(fine).toHaveLength(1);
    expect((await findUser(keystore, 'acme', 'ada'))?.id).toBe(fine[0]?.user.id);
    expect((await listUsers(keystore, 'acme', { limit: 100 })).users).toHaveLength(1);
  });

  it('are made once on first mention', async () => {
    const made = await Promise.all(Array.from({ length: 10 }, () => ensureUser(keystore, 'acme', 'ada', 1)));
    expect(new Set(made.map((it) => it.id)).size).toBe(1);
    expect(await authenticateUser(keystore, 'acme', 'ada', '')).toBeUndefined();
  });

  it('log in with their own secret in their own organization only', async () => {
    const { user, secret } = await createUser(keystore, 'acme', 'ada', 1);
    const other = await createUser(keystore, 'acme', 'bob', 1);
    expect((await authenticateUser(keystore, 'acme', 'ada', secret))?.id).toBe(user.id);
    for (const [organization, identifier, tried] of [
      ['acme', 'ada', other.secret],
      ['acme', 'bob', secret],
      ['rival', 'ada', secret],
      ['acme', 'ada', `${secret}x`],
      ['acme', 'nobody', secret],
    ] as const) {
      expect(await authenticateUser(keystore, organization, identifier, tried), identifier).toBeUndefined();
    }
  });

  it('get in no more after a new secret, or while disabled', async () => {
    const { user, secret } = await createUser(keystore, 'acme', 'ada', 1);
    const rotated = await rotateUserSecret(keystore, user, 5_000);
    expect(await authenticateUser(keystore, 'acme', 'ada', secret)).toBeUndefined();
    expect(rotated.user.tokensFrom).toBe(5_000);
    const disabled = await disableUser(keystore, user, 6_000);
    expect(disabled).toMatchObject({ disabledAt: 6_000, tokensFrom: 6_000 });
    expect(await authenticateUser(keystore, 'acme', 'ada', rotated.secret)).toBeUndefined();
    expect((await enableUser(keystore, user)).disabledAt).toBeUndefined();
    expect((await authenticateUser(keystore, 'acme', 'ada', rotated.secret))?.id).toBe(user.id);
  });

  it('leave nothing to the next one of their identifier', async () => {
    const { user, secret } = await createUser(keystore, 'acme', 'ada', 1);
    await deleteUser(keystore, user);
    expect(await readUser(keystore, 'acme', user.id)).toBeUndefined();
    const next = await createUser(keystore, 'acme', 'ada', 2);
    expect(next.user.id).not.toBe(user.id);
    expect(await authenticateUser(keystore, 'acme', 'ada', secret)).toBeUndefined();
    await deleteUser(keystore, user); // late, and no longer theirs
    expect((await findUser(keystore, 'acme', 'ada'))?.id).toBe(next.user.id);
  });

  it('keep apart what organizations and identifiers tell apart', async () => {
    const text = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
      .filter((it) => !/[\p{Cc}\p{Cs}]/u.test(it));
    await fc.assert(
      fc.asyncProperty(text, text, text, text, async (org1, id1, org2, id2) => {
        const store = await memoryKeystore();
        const one = await ensureUser(store, org1, id1, 1);
        const two = await ensureUser(store, org2, id2, 1);
        expect(one.id === two.id).toBe(org1 === org2 && id1 === id2);
        expect((await findUser(store, org1, id1))?.id).toBe(one.id);
        expect((await readUser(store, org2, one.id)) !== undefined).toBe(org1 === org2);
        await store.close();
      }),
      { numRuns: 100 },
    );
  });

  it.each(['', 'a\nb', '\ud800', 'x'.repeat(257)])('have no identifier like %j', async (identifier) => {
    await expect(createUser(keystore, 'acme', identifier, 1)).rejects.toMatchObject({ code: 'arguments_invalid' });
  });
});

describe('organizations', () => {
  it('are listed, and changed by their id only', async () => {
    const { id } = await createOrganization(keystore, { name: 'Acme', now: 1 });
    await updateOrganization(keystore, id, { redirectUrls: ['https://app.example.com/done'] });
    expect((await listOrganizations(keystore, { limit: 10 })).organizations).toMatchObject([
      { id, name: 'Acme', redirectUrls: ['https://app.example.com/done'] },
    ]);
    await expect(updateOrganization(keystore, 'org_none', {})).rejects.toMatchObject({ code: 'organization_unknown' });
  });
});
