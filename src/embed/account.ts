import type { Credential } from '../auth/credential.ts';
import { readCredential } from '../auth/fresh.ts';
import { refreshesDone } from '../auth/refreshes.ts';
import { buildCatalog } from '../connector/catalog.ts';
import type { Connector } from '../connector/connector.ts';
import { withDefaults } from '../connector/schema.ts';
import type { JsonSchema, Values } from '../connector/values.ts';
import { TielineError } from '../errors.ts';
import { madeOf } from '../execute/connect.ts';
import type { Engine } from '../execute/engine.ts';
import { execute } from '../execute/execute.ts';
import { testIntegration } from '../execute/health.ts';
import { openPolicy } from '../execute/policy.ts';
import type { Outcome } from '../execute/result.ts';
import { sqlWithin } from '../execute/sql.ts';
import { checkArguments } from '../execute/validate.ts';
import { loadSandbox } from '../expression/sandbox.ts';
import { addIntegration, credentialKey } from '../integration/accounts.ts';
import { localPrincipal } from '../integration/principal.ts';
import { memoryKeystore } from '../keystore/keystore.ts';
import { createSender } from '../network/send.ts';
import { readCredentials, shownCredentials } from './credentials.ts';
import { type Description, describe } from './describe.ts';
import { openDefinition } from './open.ts';

export type AccountOptions = {
  readonly credentials: Values;
  readonly option?: string | undefined;
  readonly settings?: Values | undefined;
  readonly app?: Values | undefined;
  readonly definition?: string | undefined;
  readonly allowPrivate?: readonly string[] | undefined;
  readonly connectTo?: Readonly<Record<string, string>> | undefined;
  readonly allowFiles?: readonly string[] | undefined;
  readonly onCredentials?: ((credentials: Values) => void | Promise<void>) | undefined;
};

export type EmbeddedAccount = {
  execute(call: {
    readonly entity: string;
    readonly action: string;
    readonly params: Values;
    readonly signal: AbortSignal | undefined;
    readonly idempotencyKey?: string | undefined;
  }): Promise<Outcome>;
  check(): Promise<boolean>;
  describe(): Description;
  close(): Promise<void>;
};

const who = localPrincipal;

/**
 * One account in memory, with the engine that serves all others: no store, no configuration, no sign-in. Throws
 * `connector_unknown`, `definition_invalid`, `arguments_invalid`.
 */
export async function openAccountOf(name: string, options: AccountOptions): Promise<EmbeddedAccount> {
  await loadSandbox();
  const connector = await openDefinition(name, options.definition);
  const { option, input, values, expiresAt } = readCredentials(connector, options.credentials, options.option);
  const settings = readSettings(connector, options.settings);
  const app = readApp(connector.definition.app?.schema, options.app);
  const { allowPrivate = [], allowFiles = [], connectTo = {} } = options;
  const keystore = await memoryKeystore();
  const sender = createSender({ allowPrivate, connectTo });
  const engine: Engine = {
    catalog: buildCatalog([connector]),
    keystore,
    sender,
    sql: sqlWithin({ allowPrivate, allowFiles }),
    audit: { write: () => undefined, close: async () => undefined },
    policy: () => openPolicy,
    app: async () => app,
    onCredential: (credential) => handOver(credential),
    now: Date.now,
  };
  const typed: Credential = { version: 1, input, values: {}, obtainedAt: Date.now() };
  const made = await madeOf(engine, connector, { option, app, settings, facts: {} }, typed);
  const credential: Credential = {
    ...typed,
    ...(made.expiresAt !== undefined && { expiresAt: made.expiresAt }),
    ...(expiresAt !== undefined && { expiresAt }),
    values: { ...made.values, ...values },
  };
  const account = { option: option.key, settings, account: { ...made.facts }, createdAt: typed.obtainedAt };
  const integration = await addIntegration(
    keystore,
    who,
    { connector: name, identifier: 'default', ...account },
    credential,
  );

  let given = credential.version;
  let giving: Promise<void> | undefined;

  /** Each version once, and those who come meanwhile wait for it. */
  async function handOver(latest: Credential): Promise<void> {
    while (latest.version > given) {
      giving ??= give(latest).finally(() => {
        giving = undefined;
      });
      await giving;
    }
  }

  async function give(latest: Credential): Promise<void> {
    await options.onCredentials?.(shownCredentials(latest, option, made.values));
    given = latest.version;
  }

  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    // A refresh that has begun may change the refresh token, whoever waits for it.
    await refreshesDone();
    try {
      await handOver(await readCredential(keystore, credentialKey(who, name, integration.id)));
    } finally {
      await sender.close();
      await keystore.close();
    }
  }

  function checkOpen(): void {
    if (closing) throw new TielineError('usage', `${name} is closed`, { hint: 'Make a new one with connector().' });
  }

  return {
    async execute(call) {
      checkOpen();
      return execute(engine, who, { connector: name, ...call });
    },
    async check() {
      checkOpen();
      return testIntegration(engine, who, integration);
    },
    describe: () => describe(connector),
    close() {
      closing ??= close();
      return closing;
    },
  };
}

function readSettings({ settings }: Connector, given: Values = {}): Values {
  if (!settings) {
    if (Object.keys(given).length === 0) return {};
    throw new TielineError('arguments_invalid', 'the connector has no settings', { hint: 'Leave settings out.' });
  }
  const filled = withDefaults(settings, given);
  checkArguments(settings, filled, 'the settings');
  return filled;
}

function readApp(schema: JsonSchema | undefined, app: Values = {}): Values {
  if (schema && Object.keys(app).length > 0) checkArguments(schema, app, 'app');
  return app;
}
