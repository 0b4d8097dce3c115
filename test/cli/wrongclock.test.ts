import { describe, expect, it } from 'vitest';
import { wrongClock } from '../../src/cli/wrongclock.ts';
import { memoryKeyring } from '../../src/keystore/keyring.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import { memoryStore } from '../../src/keystore/memory.ts';
import { everywhere } from '../contract/places.ts';

it.each([
  [0, undefined],
  [5_000, undefined],
  [-5_000, undefined],
  [86_400_000, '86400 s ahead of'],
  [-7_400, '7 s behind'],
])('a clock that is %i ms ahead is told as %s', (ms, expected) => {
  const error = wrongClock(ms);
  if (expected === undefined) expect(error).toBeUndefined();
  else expect(error?.message).toContain(`is ${expected} that of the store`);
});

everywhere('the clock of the store', (makePlace) => {
  it('is measured, and is that of this machine here', async () => {
    const keystore = await Keystore.open({ store: await (await makePlace()).open(), keyring: memoryKeyring() });
    try {
      expect(wrongClock(await keystore.clockAhead())).toBeUndefined();
    } finally {
      await keystore.close();
    }
  });
});

describe('a clock of the store that is off', () => {
  it.each([-90_000, 90_000])('by %i ms is found', async (shift) => {
    const store = { ...memoryStore(), time: async () => Date.now() - shift };
    const keystore = await Keystore.open({ store, keyring: memoryKeyring() });
    expect(Math.abs((await keystore.clockAhead()) - shift)).toBeLessThan(5_000);
  });
});
