import { describe, expect, it } from 'vitest';
import { createOrganization, readOrganization, updateOrganization } from '../../src/integration/organization.ts';
import { memoryKeystore } from '../../src/keystore/keystore.ts';
import { storeKey } from '../../src/keystore/store.ts';
import { failureOf } from '../execute/stage.ts';

const alike = ['ACME', 'acme.', ' Acme ', 'Асme', 'Ａｃｍｅ', 'Acmé', 'A c m e', 'Acrne', '𝐀𝐜𝐦𝐞'];

describe('the name of an organization', () => {
  it.each(alike)('is refused where it looks like another one: %j', async (name) => {
    const keystore = await memoryKeystore();
    const acme = await createOrganization(keystore, { name: 'Acme', now: 1 });
    const other = await createOrganization(keystore, { name: 'Umbrella', now: 1 });
    const refused = { code: 'arguments_invalid', message: expect.stringContaining('looks like another organization') };
    expect(await failureOf(createOrganization(keystore, { name, now: 2 }))).toMatchObject(refused);
    expect(await failureOf(updateOrganization(keystore, other.id, { name }))).toMatchObject(refused);
    expect((await readOrganization(keystore, other.id))?.name).toBe('Umbrella');
    expect((await updateOrganization(keystore, acme.id, { name })).name).toBe(name.trim().normalize('NFC'));
  });

  it.each(['Tieline', 'tie line', 'Тieline', 'T1eIine', 'Tieline Support'])('is not ours: %j', async (name) => {
    const error = await failureOf(createOrganization(await memoryKeystore(), { name, now: 1 }));
    expect(error.message).toContain('looks like Tieline');
  });

  it.each(['', ' ', 'a\u202eb', 'a\u200bb', 'a\nb', '\u3164', 'x'.repeat(257)])('is visible: not %j', async (name) => {
    const error = await failureOf(createOrganization(await memoryKeystore(), { name, now: 1 }));
    expect(error.code).toBe('arguments_invalid');
  });

  it('is kept apart from those of an older version', async () => {
    const keystore = await memoryKeystore();
    const old = await createOrganization(keystore, { name: 'Umbrella', now: 1 });
    await keystore.write(storeKey('organization', old.id), { ...old, name: 'Acme' });
    await keystore.delete(storeKey('organization_name'));
    expect((await failureOf(createOrganization(keystore, { name: 'ACME', now: 2 }))).code).toBe('arguments_invalid');
  });

  it('goes to one of those who ask for it at once', async () => {
    const keystore = await memoryKeystore();
    const asked = await Promise.allSettled(alike.map((name) => createOrganization(keystore, { name, now: 1 })));
    expect(asked.filter((it) => it.status === 'fulfilled')).toHaveLength(1);
  });
});
