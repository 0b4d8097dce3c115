import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { storeKey } from '../../src/keystore/store.ts';
import { startSweeping } from '../../src/keystore/sweeping.ts';
import { everywhere } from '../contract/places.ts';

everywhere('while it is open', (makePlace) => {
  it('a store loses what has expired, and nothing else', async () => {
    const place = await makePlace();
    const store = await place.open();
    const stop = startSweeping(store, { firstMs: 1, everyMs: 5, pageMs: 1 });
    await store.set(storeKey('app', 'a'), 'stays');
    const count = 450; // more than one page
    await Promise.all(Array.from({ length: count }, (_, it) => store.set(storeKey('session', `${it}`), 'x', 50)));
    await store.set(storeKey('session', 'long'), 'x', 60_000);
    const raw = async () => (await store.page(undefined, 10_000)).rows.map((row) => row.key);
    while ((await raw()).length > 2) await sleep(20);
    expect((await raw()).sort()).toEqual([storeKey('app', 'a'), storeKey('session', 'long')]);
    stop();
    await store.close();
  });
});
