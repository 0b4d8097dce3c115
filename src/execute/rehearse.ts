import { openSigningKeys } from '../auth/signingkeys.ts';
import { buildCatalog } from '../connector/catalog.ts';
import { type AuthOption, buildConnector, type Connector } from '../connector/connector.ts';
import type { Values } from '../connector/values.ts';
import { isTielineError, type TielineError } from '../errors.ts';
import { addIntegration } from '../integration/accounts.ts';
import { localPrincipal } from '../integration/principal.ts';
import { memoryKeystore } from '../keystore/keystore.ts';
import type { HttpRequest, HttpResponse, Sender } from '../network/send.ts';
import type { Secrets } from '../secrets.ts';
import { bindNamed, requireReading, requireWritable } from '../sql/statement.ts';
import { accountSecrets } from './accountsecrets.ts';
import { noAudit } from './audit.ts';
import { keepAdded } from './authenticator.ts';
import { optionNamed } from './connect.ts';
import { execute } from './execute.ts';
import { openPolicy } from './policy.ts';
import type { Outcome } from './result.ts';
import { dialectOf, type OpenSql } from './sql.ts';

export type Rehearsal = {
  readonly entity: string;
  readonly action: string;
  readonly args: Values;
  readonly option?: string | undefined;
  readonly app?: Values;
  readonly input?: Values;
  readonly settings?: Values;
  readonly account?: Values;
  readonly credentials?: Values;
};

/** A statement with its parameters, as it would go to a database. */
export type Statement = { readonly statement: string; readonly parameters: Values };

export type Rehearsed = {
  readonly requests: readonly HttpRequest[];
  readonly statements: readonly Statement[];
  /** What of all this may not be shown. */
  readonly secrets: Secrets;
  readonly result: { readonly outcome: Outcome } | { readonly error: TielineError };
};

/**
 * Runs an action through the whole of `execute`, but for the network: each request it would send goes to `respond`
 * instead, which answers it or throws; a statement for a database finds nothing. For `connectors try` and for the
 * recorded exchanges of definitions.
 */
export async function rehearse(
  connector: Connector,
  rehearsal: Rehearsal,
  respond: (request: HttpRequest, index: number) => HttpResponse,
): Promise<Rehearsed> {
  const { entity, action, args, app = {}, input = {}, settings = {}, account = {}, credentials = {} } = rehearsal;
  const option = optionNamed(connector, rehearsal.option);
  const values = { ...input, ...credentials };
  const secrets = accountSecrets({ connector, option, app }, { input, values });
  const requests: HttpRequest[] = [];
  const sender: Sender = {
    send: async (unsigned, { authenticate }) => {
      const request = authenticate ? await authenticate(unsigned) : unsigned;
      keepAdded(unsigned, request, secrets);
      requests.push(request);
      return respond(request, requests.length - 1);
    },
    close: async () => {},
  };
  const statements: Statement[] = [];
  const keystore = await memoryKeystore();
  const now = Date.now();
  const target = standInFor(connector, option);
  const other =
    target &&
    (await addIntegration(
      keystore,
      localPrincipal,
      { connector: target.name, identifier: 'rehearsal', option: 'none', settings, account, createdAt: now },
      { version: 1, input, values: {}, obtainedAt: now },
    ));
  await addIntegration(
    keystore,
    localPrincipal,
    { connector: connector.name, identifier: 'rehearsal', option: option.key, settings, account, createdAt: now },
    {
      version: 1,
      input: { ...input, ...(other && { integration: other.id }) },
      values,
      obtainedAt: now,
    },
  );
  const engine = {
    catalog: buildCatalog(target ? [connector, target] : [connector]),
    keystore,
    signingKeys: openSigningKeys({ keystore, now: Date.now, issuer: 'tieline' }),
    sender,
    sql: sqlRecorder(statements),
    audit: noAudit,
    policy: () => openPolicy,
    app: async () => app,
    now: Date.now,
  };
  try {
    const call = { connector: connector.name, entity, action, params: args };
    return { requests, statements, secrets, result: { outcome: await execute(engine, localPrincipal, call) } };
  } catch (error) {
    if (!isTielineError(error)) throw error;
    return { requests, statements, secrets, result: { error } };
  } finally {
    await keystore.close();
  }
}

/** What a `proxy` option names is not at hand: a connector of that name at the same hosts, which adds nothing. */
function standInFor({ definition, file }: Connector, { spec }: AuthOption): Connector | undefined {
  if (spec.type !== 'proxy') return undefined;
  const none = { type: 'none', title: 'None', ui: {}, methods: {} } as const;
  const auth = { methods: {}, options: { none } };
  return buildConnector({ definition: { ...definition, connector: spec.connector, auth, entities: {} }, file });
}

/** Checks statements as a connection does, and keeps them instead of running them. */
function sqlRecorder(statements: Statement[]): OpenSql {
  return async (address) => {
    const dialect = dialectOf(address);
    const keep = (statement: string, parameters: Values, check: typeof requireReading) => {
      bindNamed(statement, parameters, dialect);
      check(statement, dialect);
      statements.push({ statement, parameters });
    };
    return {
      async query(statement, parameters = {}) {
        keep(statement, parameters, requireReading);
        return { columns: [], rows: [], hasMore: false };
      },
      async execute(statement, parameters = {}) {
        keep(statement, parameters, requireWritable);
        return { affected: 0 };
      },
      test: async () => {},
      close: async () => {},
    };
  };
}
