import { setTimeout as sleep } from 'node:timers/promises';
import { type Keystore, memoryKeystore } from '../../../src/keystore/keystore.ts';

/** A keystore in memory whose answers can be made to take a while, so that those who come together all read first. */
export async function slowKeystore(): Promise<{ readonly keystore: Keystore; slow(ms: number): void }> {
  const keystore = await memoryKeystore();
  const read = keystore.read.bind(keystore);
  let pause = 0;
  keystore.read = async (key) => {
    const found = await read<never>(key);
    if (pause > 0) await sleep(pause);
    return found;
  };
  return {
    keystore,
    slow: (ms) => {
      pause = ms;
    },
  };
}
