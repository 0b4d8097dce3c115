import { loadSandbox } from '../expression/sandbox.ts';
import { undici } from '../network/undici.ts';

/** Loads what nearly every call needs and no start does, so that the first call does not wait for it. */
export async function prepareCalls(): Promise<void> {
  undici();
  await loadSandbox();
}
