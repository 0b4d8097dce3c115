import { expect, it } from 'vitest';
import type { Engine } from '../../src/execute/engine.ts';
import { openPolicy } from '../../src/execute/policy.ts';
import { principalOf } from '../../src/http/caller.ts';
import { deleteUserWithAll } from '../../src/http/userdata.ts';
import { addIntegration, credentialKey, readIntegrations } from '../../src/integration/accounts.ts';
import { locateIntegration } from '../../src/integration/locator.ts';
import { ensureUser, findUser, listUsers } from '../../src/integration/user.ts';
import { userConnectors } from '../../src/integration/userconnectors.ts';
import { memoryKeyring } from '../../src/keystore/keyring.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import { everywhere } from '../contract/places.ts';

const ODD = ['ada', 'ada:', 'ada%', 'ada_', "'; DROP TABLE keyv; --", '*', 'a.d.a', 'ÄDA'];

everywhere('deleting a user', (makePlace) => {
  it('takes all that is theirs and nothing of anybody else, whatever their names are', async () => {
    const store = await (await makePlace()).open();
    const keystore = await Keystore.open({ store, keyring: memoryKeyring() });
    const engine = {
      keystore,
      catalog: { connectors: [] },
      policy: () => openPolicy,
      now: Date.now,
    } as unknown as Engine;
    try {
      const people = await Promise.all(
        ['acme', 'acme:x'].flatMap((organization) => ODD.map((name) => ensureUser(keystore, organization, name, 1))),
      );
      const made = new Map<string, string>();
      for (const user of people) {
        for (const connector of ['mail', 'mail_2']) {
          const account = { connector, identifier: 'work', option: 'key', settings: {}, account: {}, createdAt: 1 };
          const credential = { version: 1, input: {}, values: { token: user.id }, obtainedAt: 1 };
          const { id } = await addIntegration(keystore, principalOf(user), account, credential);
          made.set(`${user.id} ${connector}`, id);
        }
      }
      const [gone, ...others] = people;
      if (!gone) throw new Error('nobody there');
      await deleteUserWithAll(engine, gone);
      for (const user of people) {
        const who = principalOf(user);
        const isThere = others.includes(user);
        expect((await findUser(keystore, user.organization, user.identifier)) !== undefined).toBe(isThere);
        expect(await userConnectors(keystore, who)).toEqual(isThere ? ['mail', 'mail_2'] : []);
        for (const connector of ['mail', 'mail_2']) {
          const id = made.get(`${user.id} ${connector}`) ?? '';
          expect((await readIntegrations(keystore, who, connector)).items.map((it) => it.id)).toEqual(
            isThere ? [id] : [],
          );
          expect((await keystore.read(credentialKey(who, connector, id))) !== undefined).toBe(isThere);
          expect((await locateIntegration(keystore, user.organization, id)) !== undefined).toBe(isThere);
        }
      }
      expect((await listUsers(keystore, 'acme', { limit: 100 })).users).toHaveLength(ODD.length - 1);
    } finally {
      await keystore.close();
    }
  });
});
