import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openStore } from '../../src/keystore/open.ts';
import { storeKey } from '../../src/keystore/store.ts';
import { temporaryFolder } from '../keystore/place.ts';
import { everywhere, nodeSqliteIsAbsent } from './places.ts';
import { storeContract } from './store.ts';

everywhere('the store contract', storeContract);

describe.skipIf(nodeSqliteIsAbsent)(`with node:sqlite${nodeSqliteIsAbsent}`, () => {
  it.each([
    ['node', 'keyv'],
    ['keyv', 'node'],
  ] as const)('what %s wrote %s reads', async (writer, reader) => {
    const url = `sqlite:${join(await temporaryFolder(), 'tieline.db')}`;
    const [key, other] = [storeKey('app', 'é', 'x'.repeat(300)), storeKey('app', 'b')];
    const written = await openStore(url, { driver: writer });
    await written.set(key, 'é🔑\0', 60_000);
    await written.replace(other, undefined, 'b');
    await written.close();
    const read = await openStore(url, { driver: reader });
    expect(await read.getMany([other, key])).toEqual(['b', 'é🔑\0']);
    expect(await read.replace(key, 'é🔑\0', 'next')).toBe(true);
    await read.close();
  });
});
