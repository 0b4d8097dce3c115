import type { Granted } from '../../auth/type.ts';
import type { AuthOption, Connector } from '../../connector/connector.ts';
import type { Values } from '../../connector/values.ts';
import { type ErrorCode, TielineError } from '../../errors.ts';
import { type Authorization, type Progress, readAuthorization, settle } from '../../execute/authorization.ts';
import { connectAccount } from '../../execute/connect.ts';
import { removePending } from '../../integration/accounts.ts';
import { accountLabel } from '../../integration/integration.ts';
import { readOrganization } from '../../integration/organization.ts';
import { localPrincipal, type Principal } from '../../integration/principal.ts';
import { readUser } from '../../integration/user.ts';
import { labelOf } from '../../label.ts';
import { LONGEST_NAME } from '../../limits.ts';
import { principalOf } from '../caller.ts';
import type { Backend } from '../context.ts';
import { keepGiven } from './given.ts';
import type { Asker } from './pages.ts';

/** What stands behind a link that may be used. */
export type Link = {
  readonly authorization: Authorization;
  readonly who: Principal;
  readonly connector: Connector;
  readonly asker: Asker;
};

/** Throws `not_found`, alike for links that never were and for those whose user is gone. */
export async function openLink(backend: Backend, id: string): Promise<Link> {
  const { engine } = backend;
  if (id.length > LONGEST_NAME) throw notGood('is not known here');
  const authorization = await readAuthorization(engine.keystore, id);
  const owner = authorization && (await ownerOf(backend, authorization));
  if (!owner) throw notGood('is not known here');
  const { who, organization, user } = owner;
  return {
    authorization,
    who,
    connector: engine.catalog.connector(authorization.connector),
    asker: {
      organization,
      user,
      client: authorization.client === undefined ? undefined : labelOf(authorization.client),
      isReconnect: authorization.reconnect !== undefined,
    },
  };
}

type Owner = Pick<Asker, 'organization' | 'user'> & { readonly who: Principal };

/** Whose account it will be, and what to call them; undefined for a user that is not served here. */
async function ownerOf({ engine, local }: Backend, authorization: Authorization): Promise<Owner | undefined> {
  if (local)
    return authorization.organization === localPrincipal.organization ? { ...local, who: localPrincipal } : undefined;
  const user = await readUser(engine.keystore, authorization.organization, authorization.user);
  const organization = await readOrganization(engine.keystore, authorization.organization);
  if (!user || !organization || user.disabledAt !== undefined) return undefined;
  return { who: principalOf(user), organization: labelOf(organization.name), user: labelOf(user.identifier) };
}

/** Throws `not_found` when nothing may be begun any more; what has been begun may be finished. */
export function checkTime({ engine }: Backend, { authorization }: Link): void {
  if (authorization.expiresAt <= engine.now()) throw notGood('has expired');
}

const notGood = (why: string): TielineError =>
  new TielineError('not_found', `this link ${why}`, { hint: 'Ask for a new link where you got this one.' });

export type Given = { readonly option: AuthOption; readonly input: Values; readonly tokens?: Granted | undefined };

/** Links the account, or keeps what is needed for it until the program has confirmed it. Throws what `connectAccount` does. */
export const finishLink = (backend: Backend, link: Link, browser: string, given: Given): Promise<Progress> =>
  link.authorization.confirm ? keepGiven(backend, link, browser, given) : connectLink(backend, link, browser, given);

/** Links the account as the request said, and keeps how it ended. Throws what `connectAccount` does. */
export async function connectLink(
  { engine }: Backend,
  { authorization, who, connector }: Link,
  browser: string,
  { option, input, tokens }: Given,
): Promise<Extract<Progress, { kind: 'done' }>> {
  const { integration } = await connectAccount(engine, who, {
    connector: connector.name,
    option: option.key,
    identifier: authorization.identifier,
    input,
    settings: authorization.settings,
    tokens,
    reconnect: authorization.reconnect,
  });
  const label = accountLabel(integration);
  const progress = {
    kind: 'done' as const,
    browser,
    integration: integration.id,
    ...(label !== undefined && { account: label }),
  };
  await settle(engine.keystore, authorization, progress);
  return progress;
}

/** Keeps that it came to nothing; an account of that name is waited for no longer. */
export async function failLink(
  { engine }: Backend,
  { authorization, who }: Link,
  browser: string,
  code: ErrorCode,
): Promise<Extract<Progress, { kind: 'failed' }>> {
  const { connector, identifier } = authorization;
  const progress = { kind: 'failed', browser, code } as const;
  await settle(engine.keystore, authorization, progress);
  if (identifier !== undefined) await removePending(engine.keystore, who, connector, identifier);
  return progress;
}

/** Where the program wants the browser in the end, with how it went: `connector_id`, or `error` with a code. */
export function returnUrl({ redirectUrl }: Authorization, progress: Progress): URL | undefined {
  if (redirectUrl === undefined || progress.kind === 'begun') return undefined;
  const url = new URL(redirectUrl);
  const result = resultOf(progress);
  // Added as text: reading the parameters and writing them again could change those that are there.
  url.search = url.search === '' ? result : `${url.search}&${result}`;
  return url;
}

function resultOf(progress: Exclude<Progress, { kind: 'begun' }>): string {
  if (progress.kind === 'done') return `connector_id=${progress.integration}`;
  return progress.kind === 'given' ? `confirmation=${progress.code}` : `error=${progress.code}`;
}
