import type { Credential } from '../auth/credential.ts';
import { inputSchema } from '../auth/types.ts';
import type { AuthOption } from '../connector/connector.ts';
import { formOf } from '../connector/schema.ts';
import type { Values } from '../connector/values.ts';
import type { Scope, Template } from '../expression/template.ts';
import type { LinkedReach } from '../integration/integration.ts';

/** What is known of an account besides its credential. */
export type AccountParts = {
  readonly option: AuthOption;
  readonly app: Values;
  readonly settings: Values;
  readonly facts: Values;
  /** Where it was linked; absent while it is being linked. */
  readonly linked?: LinkedReach | undefined;
};

/** Names of the roots of an account. */
const ROOTS: ReadonlySet<string> = new Set(['app', 'input', 'secrets', 'settings', 'credentials', 'account']);

/** Whether an expression is the same for all requests of an account. */
export const isOfAccount = ({ roots }: Pick<Template, 'roots'>): boolean => [...roots].every((it) => ROOTS.has(it));

/** Whether what an organization may change, beside the account, decides about an expression. */
export const isMovable = ({ roots }: Pick<Template, 'roots'>): boolean => roots.has('app') || roots.has('settings');

/** What expressions of an action see besides the roots of the account. */
export type Roots = {
  readonly args?: unknown;
  readonly steps?: unknown;
  readonly item?: unknown;
  readonly expanded?: unknown;
  readonly response?: unknown;
};

/** Each written out, as this is done several times in a call, and objects of one shape are made and read faster. */
export const withRoots = (
  { app, input, secrets, settings, credentials, account }: Scope,
  { args, steps, item, expanded, response }: Roots = NO_ROOTS,
): Scope => ({ app, input, secrets, settings, credentials, account, args, steps, item, expanded, response });

const NO_ROOTS: Roots = {};

const known = new WeakMap<Credential, { readonly parts: AccountParts; readonly scope: Scope }>();

/**
 * The roots of an account: what the operator set, what the user typed, what the provider gave. The same value for the
 * same credential and parts, so that what is derived from it can be kept with it.
 */
export function accountScope({ option, app, settings, facts }: AccountParts, credential: Credential): Scope {
  const found = known.get(credential);
  const { parts } = found ?? {};
  const isSame = parts?.option === option && parts.app === app && parts.settings === settings && parts.facts === facts;
  if (found && isSame) return found.scope;
  const { input } = credential;
  const { fields } = formOf(inputSchema(option));
  const secrets = Object.fromEntries(Object.entries(input).filter(([name]) => fields[name]?.secret === true));
  const scope = { app, input, secrets, settings, credentials: credential.values, account: facts };
  known.set(credential, { parts: { option, app, settings, facts }, scope });
  return scope;
}
