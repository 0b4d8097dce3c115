import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { buildConnector, type Connector } from '../../src/connector/connector.ts';
import { loadDefinition } from '../../src/connector/load.ts';
import type { Values } from '../../src/connector/values.ts';
import type { AuditRecord } from '../../src/execute/audit.ts';
import type { Engine } from '../../src/execute/engine.ts';
import { type Call, execute } from '../../src/execute/execute.ts';
import type { Policy } from '../../src/execute/policy.ts';
import type { Outcome } from '../../src/execute/result.ts';
import { sqlWithin } from '../../src/execute/sql.ts';
import { addIntegration } from '../../src/integration/accounts.ts';
import type { SqlPolicy } from '../../src/sql/connection.ts';
import { LOCAL } from '../sql/servers.ts';
import { alice, openStage } from './stage.ts';

/** The connector of databases, as it is shipped. */
export async function sqlConnector(): Promise<Connector> {
  const file = new URL('../../connectors/sql/connector.yaml', import.meta.url);
  return buildConnector(await loadDefinition(fileURLToPath(file)));
}

export type SqlStage = {
  readonly engine: Engine;
  readonly audit: AuditRecord[];
  call(pair: string, params?: Values, more?: Partial<Call>): Promise<Outcome>;
};

export type SqlStageOptions = { readonly within?: SqlPolicy; readonly policy?: Policy };

/** An engine with one account of alice at the connector, whose address nobody has tried yet. */
export async function openSqlStage(
  connector: Connector,
  input: Values,
  { within = LOCAL, policy }: SqlStageOptions = {},
): Promise<SqlStage> {
  const stage = await openStage([connector], policy ? { policy } : {});
  onTestFinished(() => stage.close());
  const engine = { ...stage.engine, sql: sqlWithin(within) };
  const now = Date.now();
  const option = connector.defaultOption.key;
  await addIntegration(
    engine.keystore,
    alice,
    { connector: connector.name, identifier: 'main', option, settings: {}, account: {}, createdAt: now },
    { version: 1, input, values: input, obtainedAt: now },
  );
  return {
    engine,
    audit: stage.audit,
    call(pair, params = {}, more = {}) {
      const [entity = '', action = ''] = pair.split('.');
      return execute(engine, alice, { connector: connector.name, entity, action, params, ...more });
    },
  };
}
