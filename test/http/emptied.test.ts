import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { memoryKeyring } from '../../src/keystore/keyring.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import { openStore } from '../../src/keystore/open.ts';
import { temporaryFolder } from '../keystore/place.ts';
import { postgresIsAbsent, postgresPlace, redisIsAbsent, redisPlace } from '../keystore/servers.ts';
import { openHttpStage } from './stage.ts';

it.each([
  ['SQLite', '', async () => `sqlite:${join(await temporaryFolder(), 'tieline.db')}`],
  ['PostgreSQL', postgresIsAbsent, async () => postgresPlace().url.href],
  ['Redis', redisIsAbsent, async () => redisPlace().url.href],
] as const)(
  'a server whose store in %s was emptied is not ready, and blames no client%s',
  async (_, absent, newUrl) => {
    if (absent) return;
    const url = await newUrl();
    const keystore = await Keystore.open({ store: await openStore(url), keyring: memoryKeyring() });
    const stage = await openHttpStage({ keystore });
    const raw = await openStore(url);
    onTestFinished(async () => {
      await stage.close();
      await Promise.all([raw.close(), keystore.close()]);
    });
    const acme = await stage.tenant();
    expect((await stage.request('GET', '/connectors', { as: acme })).status).toBe(200);
    for (const row of (await raw.page(undefined, 1_000)).rows) await raw.delete(row.key);
    const answered = await stage.request('GET', '/connectors', { as: acme });
    expect(answered).toMatchObject({ status: 503, body: { code: 'store_unavailable' } });
    expect(answered.body.detail).toContain('was emptied');
    const { status, body } = await stage.request('GET', '//readyz');
    expect({ status, body }).toEqual({ status: 503, body: { status: 'not ready', code: 'store_unavailable' } });
    expect((await stage.request('GET', '//healthz')).status).toBe(200);
  },
);
