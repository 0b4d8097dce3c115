import type { Credential } from '../auth/credential.ts';
import { inputSchema } from '../auth/types.ts';
import type { AuthOption } from '../connector/connector.ts';
import { formOf } from '../connector/schema.ts';
import type { Values } from '../connector/values.ts';
import type { Scope } from '../expression/template.ts';

/** What is known of an account besides its credential. */
export type AccountParts = {
  readonly option: AuthOption;
  readonly app: Values;
  readonly settings: Values;
  readonly facts: Values;
};

/** The roots of an account: what the operator set, what the user typed, what the provider gave. */
export function accountScope({ option, app, settings, facts }: AccountParts, credential: Credential): Scope {
  const { input } = credential;
  const { fields } = formOf(inputSchema(option));
  const secrets = Object.fromEntries(Object.entries(input).filter(([name]) => fields[name]?.secret === true));
  return { app, input, secrets, settings, credentials: credential.values, account: facts };
}
