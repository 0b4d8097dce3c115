import { createHash } from 'node:crypto';
import { newSecret } from '../integration/issuedsecret.ts';
import type { Principal } from '../integration/principal.ts';
import { storeKey } from '../keystore/store.ts';
import type { Engine } from './engine.ts';

/** What a call waits for while its client asks the user to open a page. */
export type Round = {
  /** Id of the authorization. */
  readonly id: string;
  readonly url: string;
};

export type Called = { readonly tool: string; readonly args: Readonly<Record<string, unknown>> };

type Sealed = Round & { readonly nonce: string; readonly args: string; readonly expiresAt: number };

const LIFE = 10 * 60_000;

const contextOf = ({ organization, user }: Principal, tool: string): string =>
  JSON.stringify(['mcp link', organization, user, tool]);

const roundKey = (nonce: string) => storeKey('authorization', 'round', digest(nonce));

const digest = (text: string): string => createHash('sha256').update(text, 'utf8').digest('base64url');

/** The same for arguments that differ in the order of their names only. */
const digestOf = (args: Called['args']): string =>
  digest(
    JSON.stringify(args, (_, value: unknown) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
        : value,
    ),
  );

/** The `requestState` of a call that waits: for this user, tool and arguments, once, within ten minutes. */
export async function sealRound(
  { keystore, now }: Engine,
  who: Principal,
  { tool, args }: Called,
  { id, url }: Round,
): Promise<string> {
  const nonce = newSecret();
  const sealed: Sealed = { id, url, nonce, args: digestOf(args), expiresAt: now() + LIFE };
  await keystore.write(roundKey(nonce), true, LIFE);
  return keystore.seal(contextOf(who, tool), sealed);
}

/** Takes a `requestState` back, which is the client's to change: undefined for all but one that is right. */
export async function takeRound(
  { keystore, now }: Engine,
  who: Principal,
  { tool, args }: Called,
  state: string,
): Promise<Round | undefined> {
  let sealed: Sealed;
  try {
    sealed = keystore.unseal<Sealed>(contextOf(who, tool), state);
  } catch {
    return undefined;
  }
  const isGood = now() < sealed.expiresAt && sealed.args === digestOf(args);
  return isGood && (await keystore.delete(roundKey(sealed.nonce))) ? { id: sealed.id, url: sealed.url } : undefined;
}
