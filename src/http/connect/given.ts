import type { Granted } from '../../auth/type.ts';
import type { Values } from '../../connector/values.ts';
import { givenKey, type Progress, settle } from '../../execute/authorization.ts';
import { newSecret } from '../../integration/issuedsecret.ts';
import type { Backend } from '../context.ts';
import type { Given, Link } from './link.ts';

/** What an account can be linked with, until the program has said for whom. Single use. */
export type HeldAccount = {
  /** Id of the authorization. */
  readonly authorization: string;
  readonly browser: string;
  readonly option: string;
  readonly input: Values;
  readonly tokens?: Granted | undefined;
};

const LIFE = 10 * 60_000;

/** Keeps what is needed to link the account; the browser takes the code for it to the program. */
export async function keepGiven(
  { engine: { keystore } }: Backend,
  { authorization }: Link,
  browser: string,
  { option, input, tokens }: Given,
): Promise<Progress> {
  const code = newSecret();
  const waiting: HeldAccount = { authorization: authorization.id, browser, option: option.key, input, tokens };
  await keystore.write(givenKey(code), waiting, LIFE);
  const progress = { kind: 'given', browser, code } as const;
  await settle(keystore, authorization, progress);
  return progress;
}
