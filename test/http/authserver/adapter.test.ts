import type { Adapter } from 'oidc-provider';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { createAdapter } from '../../../src/http/authserver/adapter.ts';
import { createGrant, endGrant } from '../../../src/integration/grant.ts';
import { createOrganization } from '../../../src/integration/organization.ts';
import { createUser } from '../../../src/integration/user.ts';
import { memoryKeystore } from '../../../src/keystore/keystore.ts';

const keystore = await memoryKeystore();
afterAll(() => keystore.close());

const adapterOf = (model: string): Adapter =>
  createAdapter(model, { keystore, now: Date.now, alreadyUsed: () => new Error('already used') });

describe('what oidc-provider remembers', () => {
  const tokens = adapterOf('RefreshToken');
  beforeEach(() => tokens.upsert('one', { jti: 'one', exp: Math.floor(Date.now() / 1_000) + 60 }, 60));

  it('is found by model and id, until it is destroyed', async () => {
    expect(await tokens.find('one')).toMatchObject({ jti: 'one' });
    expect(await adapterOf('AuthorizationCode').find('one')).toBeUndefined();
    await tokens.destroy('one');
    expect(await tokens.find('one')).toBeUndefined();
  });

  it('is used by one alone, and is still known then', async () => {
    const uses = await Promise.allSettled(Array.from({ length: 5 }, () => tokens.consume('one')));
    expect(uses.filter((it) => it.status === 'fulfilled')).toHaveLength(1);
    expect(await tokens.find('one')).toMatchObject({ consumed: expect.any(Number) });
    await expect(tokens.consume('one')).rejects.toThrow('already used');
    await expect(tokens.consume('none')).rejects.toThrow('already used');
  });

  it('is over when its time is', async () => {
    await tokens.upsert('short', { jti: 'short' }, 1);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await tokens.find('short')).toBeUndefined();
  });

  it('has no sessions of its own', async () => {
    await adapterOf('Session').upsert('one', { jti: 'one', uid: 'uid' }, 60);
    expect(await adapterOf('Session').find('one')).toBeUndefined();
  });

  it('has the grants that there are', async () => {
    const { id } = await createOrganization(keystore, { name: 'acme', now: Date.now() });
    const { user } = await createUser(keystore, id, 'ada', Date.now());
    const wanted = { client: { id: 'c', name: 'C' }, resource: 'https://t.example/mcp', scopes: ['read' as const] };
    const [one, two] = [
      await createGrant(keystore, user, { ...wanted, now: Date.now() }),
      await createGrant(keystore, user, { ...wanted, now: Date.now() }),
    ];
    expect(await adapterOf('Grant').find(one.id)).toMatchObject({
      accountId: `${id}/${user.id}`,
      clientId: 'c',
      resources: { 'https://t.example/mcp': 'read' },
    });
    await tokens.revokeByGrantId(one.id);
    await endGrant(keystore, two.id);
    for (const grant of [one, two]) expect(await adapterOf('Grant').find(grant.id)).toBeUndefined();
  });
});
