import { type Credential, isDue, renewed } from '../auth/credential.ts';
import { askMethod, grantedBy, sourceOf } from '../auth/method.ts';
import { templateTree } from '../auth/option.ts';
import type { Granted } from '../auth/type.ts';
import { inputSchema, renewalFor } from '../auth/types.ts';
import { cleanError } from '../cleanerror.ts';
import type { RequestRule } from '../connector/actionspec.ts';
import type { AuthOption, Connector } from '../connector/connector.ts';
import { planError, planRequest } from '../connector/plan.ts';
import { withDefaults } from '../connector/schema.ts';
import type { Values } from '../connector/values.ts';
import { isTielineError, TielineError } from '../errors.ts';
import { loadSandbox, Scripts } from '../expression/sandbox.ts';
import { addIntegration, connectPending, readIntegrations, reconnectIntegration } from '../integration/accounts.ts';
import { checkIdentifier, type Integration, isPending, type LinkedReach } from '../integration/integration.ts';
import type { Principal } from '../integration/principal.ts';
import { checkLength, checkValues } from '../limits.ts';
import { log } from '../log.ts';
import { type Account, openAccount } from './account.ts';
import { accountSecrets } from './accountsecrets.ts';
import { testByFunction } from './accounttest.ts';
import { endTokens } from './endtokens.ts';
import type { Engine } from './engine.ts';
import { type Identity, shownFacts } from './identity.ts';
import { delegateOf, withTarget } from './proxy.ts';
import { boundSend, linkedReach, reachOf } from './reach.ts';
import { askOf, renewCredential } from './renew.ts';
import { type AccountParts, accountScope } from './scope.ts';
import { probeSql } from './sql.ts';
import { accountOptions } from './stored.ts';
import { checkArguments } from './validate.ts';
import { vouchedUser } from './vouch.ts';
import { forgetWait } from './waits.ts';

export type ConnectInput = {
  readonly connector: string;
  /** Key of the auth option; the connector's default one when absent. */
  readonly option?: string | undefined;
  readonly identifier?: string | undefined;
  /** What the user typed. */
  readonly input: Values;
  readonly settings?: Values | undefined;
  /** What a finished authorization gave. */
  readonly tokens?: Granted | undefined;
  /**
   * Put the credentials under an integration instead of refusing: true is the one of that identifier, if it is there; an
   * id is that very one, which may have been renamed, and must be there.
   */
  readonly reconnect?: boolean | string | undefined;
};

export type Connected = { readonly integration: Integration; readonly isDefault: boolean; readonly tested: boolean };

/**
 * Links an account: checks what was typed, tries the credentials at the provider, asks who the account is, and only
 * then stores it, in place of a pending one of that identifier. Throws `arguments_invalid`, `integration_exists`, or
 * what the provider's refusal means.
 */
export async function connectAccount(engine: Engine, who: Principal, wanted: ConnectInput): Promise<Connected> {
  await loadSandbox();
  checkLength('connector', wanted.connector);
  checkLength('identifier', wanted.identifier);
  checkLength('option', wanted.option);
  checkValues(wanted.input, 'the connection parameters');
  if (wanted.settings) checkValues(wanted.settings, 'the settings');
  const connector = engine.catalog.connector(wanted.connector);
  const option = optionNamed(connector, wanted.option);
  const app = await engine.app(connector.name, who.organization);
  const secrets = accountSecrets(
    { connector, option, app },
    { input: wanted.input, values: wanted.tokens?.values ?? {} },
  );
  return secrets.guard(() => connect(engine, who, wanted, { connector, option, app }));
}

type Place = { readonly connector: Connector; readonly option: AuthOption; readonly app: Values };

async function connect(engine: Engine, who: Principal, wanted: ConnectInput, place: Place): Promise<Connected> {
  const { connector, option, app } = place;
  const typed = withoutBlanks(wanted.input);
  checkArguments(inputSchema(option), typed, 'the connection parameters');
  const input = await withTarget(engine, who, connector, option, typed);
  const settings = connector.settings ? withDefaults(connector.settings, wanted.settings ?? {}) : {};
  if (connector.settings) checkArguments(connector.settings, settings, 'the settings');
  const probe = await probeAccount(engine, who, connector, option, { app, settings, input, tokens: wanted.tokens });
  const { credential, facts, tested, reach } = probe;
  const parts = { option, app, settings, facts, linked: reach };
  /** What was granted to an account that is gone would stay good, and nobody could end it. */
  const endedAll = async (error: unknown): Promise<never> => {
    if (isGone(error)) await endTokens(engine, connector, parts, credential).catch(notEnded);
    throw error;
  };
  const before = await readIntegrations(engine.keystore, who, connector.name, engine.now());
  const { reconnect } = wanted;
  const again = typeof reconnect === 'string' ? before.items.find((it) => it.id === reconnect) : undefined;
  if (typeof reconnect === 'string' && !again) return endedAll(removed(connector, wanted));
  const identifier = again?.identifier ?? checkIdentifier(wanted.identifier ?? facts.identifier ?? 'default');
  const existing = again ?? before.items.find((it) => it.identifier === identifier);
  if (existing && !isPending(existing) && reconnect) {
    checkSameAccount(connector, existing, facts);
    // They may be of another option, and another account at the provider.
    const found = { option: option.key, settings: { ...existing.settings, ...wanted.settings }, account: facts, reach };
    const integration = await reconnectIntegration(engine.keystore, who, existing, found, credential).catch(endedAll);
    forgetWait(existing.id);
    engine.changed?.(who);
    return { integration, isDefault: before.default === existing.id, tested };
  }
  const found = { option: option.key, settings, account: facts, reach, createdAt: engine.now() };
  const integration = await (existing && isPending(existing)
    ? connectPending(engine.keystore, who, existing, found, credential)
    : addIntegration(engine.keystore, who, { connector: connector.name, identifier, ...found }, credential)
  ).catch(endedAll);
  engine.changed?.(who);
  const after = await readIntegrations(engine.keystore, who, connector.name, engine.now());
  return { integration, isDefault: after.default === integration.id, tested };
}

const removed = ({ name }: Connector, { identifier = '' }: ConnectInput): TielineError =>
  new TielineError('integration_unknown', `the account ${identifier} of ${name} is no longer there`, {
    hint: 'Connect it as a new one.',
  });

/** Whether the account, or its user, was removed while it was being linked. */
const isGone = (error: unknown): boolean =>
  isTielineError(error) && (error.code === 'user_unknown' || error.code === 'integration_unknown');

function notEnded(error: unknown): void {
  if (!isTielineError(error)) throw error;
  log.warn('tokens of an account that is gone were not ended at their provider', { code: error.code });
}

/** Whoever reconnects by mistake as somebody else would from then on act in the wrong name. */
function checkSameAccount(connector: Connector, existing: Integration, facts: Facts): void {
  const { key, label } = existing.account;
  if (key === undefined || facts.key === undefined || facts.key === key) return;
  const [was, is] = [label ?? key, facts.label ?? facts.key];
  throw new TielineError(
    'identity_mismatch',
    `${existing.identifier} of ${connector.name} is ${was}, and this is ${is}`,
    {
      hint: 'Sign in as the same account, or connect this one under another identifier.',
    },
  );
}

/** A field left blank in a form is one that was not given. */
const withoutBlanks = (input: Values): Values =>
  Object.fromEntries(Object.entries(input).filter(([, value]) => value !== ''));

export function optionNamed(connector: Connector, key: string | undefined): AuthOption {
  if (key === undefined) return connector.defaultOption;
  const option = connector.options.get(key);
  if (option) return option;
  throw new TielineError('arguments_invalid', `${connector.name} has no auth option ${key}`, {
    hint: `Use one of: ${[...connector.options.keys()].join(', ')}`,
  });
}

type Facts = Values & Identity;

type Probe = {
  readonly credential: Credential;
  readonly facts: Facts;
  readonly tested: boolean;
  readonly reach: LinkedReach;
};

/** Uses credentials that are not stored yet: makes the first token, runs the test, asks who the account is. */
async function probeAccount(
  engine: Engine,
  who: Principal,
  connector: Connector,
  option: AuthOption,
  { app, settings, input, tokens }: { app: Values; settings: Values; input: Values; tokens: Granted | undefined },
): Promise<Probe> {
  // What the provider tells with its tokens; the identity request comes on top.
  const given: Record<string, unknown> = { ...tokens?.facts };
  const parts = { option, app, settings, facts: given };
  const { now, sender } = engine;
  const typed: Credential = { version: 0, input, values: {}, obtainedAt: now() };
  const made = await madeOf(engine, connector, parts, typed);
  let credential = renewed({ ...typed, values: made.values }, { ...made, values: {}, ...tokens }, now());
  const renewal = renewalFor(option);
  const account = openAccount({
    ...parts,
    connector,
    sender,
    now,
    user: vouchedUser(engine, who),
    delegate: delegateOf(engine, who, { connector: connector.name }, option, (other, it) =>
      accountOptions(engine, who, other, it),
    ),
    credentials: async (rejectedVersion) => {
      const scope = accountScope(parts, credential);
      const isStale = rejectedVersion === credential.version || renewal?.isMissing(scope) || isDue(credential, now());
      if (!isStale) return credential;
      if (!renewal?.isPossible(option, scope)) {
        throw new TielineError('token_rejected', `${connector.title} does not accept these credentials`);
      }
      const granted = await renewCredential({ ...parts, connector, sender, now }, credential);
      Object.assign(given, granted.facts);
      credential = renewed(credential, granted, now());
      return credential;
    },
  });
  try {
    if (connector.transport === 'sql') {
      const { facts, reach } = await probeSql(engine.sql, account, connector);
      return {
        credential: { ...credential, version: 1 },
        facts: shownFacts(facts, account.secrets),
        reach,
        tested: true,
      };
    }
    if (renewal) await account.ready(); // a login that gives no token is found out here
    const tested = await testAccount(account, connector, option);
    const facts = shownFacts({ ...given, ...(await identify(account, connector)) }, account.secrets);
    const scope = accountScope({ ...parts, facts }, credential);
    const reach = linkedReach(reachOf({ connector, scope }, account.scripts));
    return { credential: { ...credential, version: 1 }, facts, tested, reach };
  } catch (error) {
    throw cleanError(error, account.secrets.scrub);
  } finally {
    account.dispose();
  }
}

/** What is kept of what the user typed: what the definition makes of it, else all of it. */
export async function madeOf(
  engine: Engine,
  connector: Connector,
  parts: AccountParts,
  typed: Credential,
): Promise<Granted> {
  const { option } = parts;
  const method = option.methods.getCredentialsFromConnectionParameters;
  if (!method) return { values: typed.input };
  const scope = accountScope(parts, typed);
  const secrets = accountSecrets({ connector, ...parts }, typed);
  const scripts = new Scripts({ functions: connector.functions, scrub: secrets.scrub });
  try {
    const ask = askOf(connector, boundSend(engine.sender, { connector, scope }, scripts, undefined), scripts);
    const made = await secrets.guard(() => askMethod(method, { scope, scripts, ask }));
    return grantedBy(made, engine.now());
  } finally {
    scripts.dispose();
  }
}

/** Throws when the account does not work; false when the definition says no way to tell. */
export async function testAccount(account: Account, connector: Connector, option: AuthOption): Promise<boolean> {
  const { testPath } = connector.definition.server;
  const { test } = option.methods;
  const source = test && sourceOf(test);
  const request = test?.request ?? (testPath === undefined ? undefined : getOf(testPath));
  if (source === undefined && !request) return false;
  const ok =
    source === undefined
      ? request && (await testByRequest(account, connector, request, test?.ok))
      : await testByFunction(account, source, connector.title);
  if (!ok)
    throw new TielineError('token_rejected', `the test of ${connector.title} did not succeed with these credentials`);
  return true;
}

/** The plain request of a test path. */
const getOf = (path: string): RequestRule => ({
  method: 'GET',
  path,
  query: {},
  headers: {},
  followRedirects: false,
  includeEmpty: false,
  stream: false,
});

async function testByRequest(
  account: Account,
  connector: Connector,
  request: RequestRule,
  ok: string | undefined,
): Promise<boolean> {
  const errors = connector.definition.errors.map(planError);
  const { answer } = await account.request({ plan: planRequest(request), roots: {}, effect: 'read', errors });
  if (ok === undefined) return true;
  return Boolean(templateTree(ok).evaluate(account.scope({ response: answer }), account.scripts));
}

async function identify(account: Account, connector: Connector): Promise<Facts> {
  const identity = connector.identity();
  if (!identity) return {};
  const errors = connector.definition.errors.map(planError);
  const { answer } = await account.request({ plan: identity.request, roots: {}, effect: 'read', errors });
  const scope = account.scope({ response: answer });
  const textOf = (template: typeof identity.key) => {
    const value = template.evaluate(scope, account.scripts);
    return value === undefined || value === null ? undefined : String(value);
  };
  const [key, label, identifier] = [textOf(identity.key), textOf(identity.label), textOf(identity.identifier)];
  return { ...(key && { key }), ...(label && { label }), ...(identifier && { identifier }) };
}
