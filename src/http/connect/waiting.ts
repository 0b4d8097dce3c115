import { stateKey } from '../../execute/authorization.ts';
import type { BrowserPending } from '../../execute/signin.ts';
import type { Keystore } from '../../keystore/keystore.ts';

/** A sign-in at a provider that the browser is to come back from, known by its state. Single use. */
export type Waiting = {
  /** Id of the authorization. */
  readonly authorization: string;
  readonly connector: string;
  readonly option: string;
  /** Mark of the browser that was sent there. */
  readonly browser: string;
  readonly pending: BrowserPending;
};

const LIFE = 10 * 60_000;

export const keepWaiting = (keystore: Keystore, waiting: Waiting): Promise<void> =>
  keystore.write(stateKey(waiting.pending.authorization.state), waiting, LIFE);

export async function readWaiting(keystore: Keystore, state: string, now: number): Promise<Waiting | undefined> {
  const waiting = (await keystore.read<Waiting>(stateKey(state)))?.value;
  return waiting && waiting.pending.authorization.expiresAt > now ? waiting : undefined;
}

/** True for exactly one of any number of callbacks with one state. */
export const takeWaiting = (keystore: Keystore, state: string): Promise<boolean> => keystore.delete(stateKey(state));
