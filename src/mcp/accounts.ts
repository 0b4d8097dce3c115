import { TielineError } from '../errors.ts';
import { audited } from '../execute/audit.ts';
import type { Engine } from '../execute/engine.ts';
import { accountStatus } from '../execute/health.ts';
import { mayList } from '../execute/policy.ts';
import { disconnectAccount } from '../execute/revoke.ts';
import { checkArguments } from '../execute/validate.ts';
import { readAllIntegrations, readIntegrations, setDefaultIntegration } from '../integration/accounts.ts';
import {
  accountLabel,
  checkIdentifier,
  type Integration,
  type Integrations,
  isPending,
} from '../integration/integration.ts';
import type { Principal } from '../integration/principal.ts';
import { findConnected, findIntegration, resolveIntegration } from '../integration/resolve.ts';
import type { Status } from '../integration/status.ts';
import { withoutTokens } from '../tokenshape.ts';
import { accountToolNamed, missingForAccountTool } from './accounttools.ts';
import type { ToolAnswer } from './answer.ts';
import type { Need } from './link.ts';

type Args = { readonly connector: string; readonly identifier: string };
type ConnectArgs = Pick<Args, 'connector'> &
  Partial<Pick<Args, 'identifier'>> & { readonly option?: string; readonly reconnect?: boolean };

/** Tells which account a tool is about, once that is known. */
type Note = (account: Pick<Integration, 'identifier'>) => void;

/**
 * Runs a tool for the accounts themselves, and keeps a line of it; `linked` is the id of the integration that the user
 * has just linked for the call. Throws `policy_denied`, `arguments_invalid`, `connector_unknown`, and what the change
 * throws.
 */
export async function runAccountTool(
  engine: Engine,
  who: Principal,
  name: string,
  given: Readonly<Record<string, unknown>>,
  linked: string | undefined,
): Promise<ToolAnswer | Need> {
  const { connector } = given;
  const what = {
    ...(typeof connector === 'string' && { connector }),
    entity: 'integrations',
    action: name.replace(/^integrations_/, ''),
  };
  return audited(
    engine,
    who,
    what,
    (note) => run(engine, who, { name, given, linked, note }),
    (result) => ('wanted' in result ? result.failure.code : 'ok'),
  );
}

type Run = {
  readonly name: string;
  readonly given: Readonly<Record<string, unknown>>;
  readonly linked: string | undefined;
  readonly note: Note;
};

async function run(engine: Engine, who: Principal, { name, given, linked, note }: Run): Promise<ToolAnswer | Need> {
  const { tool } = accountToolNamed(name) ?? unknownTool(name);
  const missing = missingForAccountTool(who.scopes, name);
  if (missing !== undefined) throw lacking(`${name} needs the scope ${missing}`);
  checkArguments(tool.inputSchema, given);
  if (given.connector !== undefined) engine.catalog.connector(given.connector as string);
  switch (name) {
    case 'integrations_list':
      return answer(await listAccounts(engine, who, given.connector as string | undefined));
    case 'integrations_connect':
      return connectAccount(engine, who, given as ConnectArgs, { linked, note });
    case 'integrations_disconnect':
      return answer(await disconnect(engine, who, given as Args, note));
    default:
      return answer(await setDefault(engine, who, given as Args, note));
  }
}

const lacking = (why: string): TielineError =>
  new TielineError('policy_denied', why, { hint: 'Sign in again and allow it.' });

function unknownTool(name: string): never {
  throw new Error(`no account tool ${name}`);
}

const answer = (data: unknown): ToolAnswer => ({
  content: [{ type: 'text', text: JSON.stringify({ data }) }],
  structuredContent: { data },
});

/** An account as an agent sees it. */
type Row = {
  readonly connector: string;
  readonly identifier: string;
  /** Who it is at the provider. */
  readonly account?: string;
  readonly default: boolean;
  readonly status: Status['status'];
  readonly cause?: string;
  readonly nextStep?: string;
};

async function listAccounts(engine: Engine, who: Principal, connector: string | undefined): Promise<Row[]> {
  const { catalog, keystore, now } = engine;
  if (connector !== undefined && !mayList(who.scopes, connector)) {
    throw lacking(`listing the accounts of ${connector} needs the scope read`);
  }
  const names = connector === undefined ? catalog.connectors.map((it) => it.name) : [connector];
  const all = await readAllIntegrations(
    keystore,
    who,
    names.filter((it) => mayList(who.scopes, it)),
    now(),
  );
  return Promise.all([...all.values()].flatMap((of) => of.items.map((it) => rowOf(engine, who, of, it))));
}

async function rowOf(engine: Engine, who: Principal, of: Integrations, it: Integration): Promise<Row> {
  const { status, cause, nextStep } = await accountStatus(engine, who, it);
  const label = accountLabel(it);
  const step = nextStepOf(who, it, status) ?? nextStep;
  return {
    connector: it.connector,
    identifier: it.identifier,
    ...(label !== undefined && { account: label }),
    default: of.default === it.id,
    status,
    ...(cause !== undefined && { cause }),
    ...(step !== undefined && { nextStep: step }),
  };
}

/** What an agent can do about it, where a person would use the terminal. */
function nextStepOf(who: Principal, { connector, identifier }: Integration, status: Status['status']) {
  if (!who.scopes.has('manage') || !['pending', 'expiring', 'reauth_required', 'revoked'].includes(status)) return;
  const reconnect = status !== 'pending';
  return `Call integrations_connect with ${JSON.stringify({ connector, identifier, ...(reconnect && { reconnect }) })}.`;
}

async function connectAccount(
  engine: Engine,
  who: Principal,
  { connector, identifier, option, reconnect = false }: ConnectArgs,
  { linked, note }: Pick<Run, 'linked' | 'note'>,
): Promise<ToolAnswer | Need> {
  const all = await readIntegrations(engine.keystore, who, connector, engine.now());
  const done = all.items.find((it) => it.id === linked && !isPending(it));
  if (done) {
    note(done);
    return answer(await rowOf(engine, who, all, done));
  }
  const title = engine.catalog.connector(connector).title;
  const need = (wanted: Need['wanted'], what: string): Need => ({
    wanted: { ...wanted, option },
    failure: new TielineError('integration_required', `the user has to connect ${what}`, {
      hint: `Ask the user to do so in a terminal with: tieline connect ${connector}`,
    }),
    mayRepeat: true,
  });
  if (reconnect) {
    const account = toReconnect(all, connector, identifier);
    note(account);
    return need({ connector, reconnect: account.id }, `${title} ${account.identifier} again`);
  }
  const name = identifier === undefined ? undefined : checkIdentifier(identifier);
  if (all.items.some((it) => it.identifier === name && !isPending(it))) {
    throw new TielineError('integration_exists', `${connector} already has an integration ${name}`, {
      hint: 'Choose another identifier, or link that account anew with reconnect: true.',
    });
  }
  return need({ connector, identifier: name }, name === undefined ? `a ${title} account` : `${title} ${name}`);
}

function toReconnect(all: Integrations, connector: string, identifier: string | undefined): Integration {
  if (identifier !== undefined) return findConnected(all, connector, identifier);
  const chosen = all.items.find((it) => it.id === all.default);
  return chosen ?? resolveIntegration(all, connector);
}

async function disconnect(engine: Engine, who: Principal, args: Args, note: Note) {
  const { connector, identifier } = await noted(engine, who, args, note);
  const { left, revoked } = await disconnectAccount(engine, who, engine.catalog.connector(connector), identifier);
  engine.changed?.(who);
  const next = left.items.find((it) => it.id === left.default)?.identifier ?? null;
  const problem = typeof revoked === 'string' ? { problem: withoutTokens(revoked) } : {};
  return { connector, disconnected: identifier, default: next, revoked: revoked === true, ...problem };
}

async function setDefault(engine: Engine, who: Principal, args: Args, note: Note) {
  const { connector, identifier } = await noted(engine, who, args, note);
  await setDefaultIntegration(engine.keystore, who, connector, identifier);
  engine.changed?.(who);
  return { connector, default: identifier };
}

/** The account that is named. Throws `integration_unknown`. */
async function noted(engine: Engine, who: Principal, { connector, identifier }: Args, note: Note) {
  const all = await readIntegrations(engine.keystore, who, connector, engine.now());
  const account = findIntegration(all, connector, identifier);
  note(account);
  return account;
}
