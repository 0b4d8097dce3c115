import type { Action } from '../connector/action.ts';
import type { Connector } from '../connector/connector.ts';
import type { SqlPlan } from '../connector/plan.ts';
import type { Values } from '../connector/values.ts';
import { TielineError } from '../errors.ts';
import { defaultIdentifier, readAddress, type SqlAddress } from '../sql/address.ts';
import { type Execution, openSql, type Rows, type SqlConnection, type SqlPolicy } from '../sql/connection.ts';
import type { Account } from './account.ts';
import { LONGEST_RESULT } from './fit.ts';
import { type PageArguments, pageSize } from './paging.ts';
import { checkHome } from './reach.ts';
import type { Done } from './result.ts';
import { shapeResult } from './result.ts';
import { isMovable } from './scope.ts';

export type OpenSql = (address: SqlAddress) => Promise<SqlConnection>;

/** Databases within what the operator allows: private hosts, and folders with files. */
export const sqlWithin =
  (policy: SqlPolicy): OpenSql =>
  (address) =>
    openSql(address, policy);

export type SqlCall = {
  readonly connector: Connector;
  readonly action: Action;
  readonly args: Values;
  readonly page: PageArguments;
  readonly signal: AbortSignal | undefined;
  /** On the clock of `performance.now`. */
  readonly endsAt: number;
};

/** Runs the one statement of an action as the account. */
export async function runSql(open: OpenSql | undefined, account: Account, plan: SqlPlan, call: SqlCall): Promise<Done> {
  const { action, connector, args, page, signal, endsAt } = call;
  const { address, connection } = await connect(open, account, connector);
  try {
    const scope = account.scope({ args });
    const text = statementOf(plan.statement.evaluate(scope, account.scripts), address);
    const parameters = asFields(plan.parameters.evaluate(scope, account.scripts), 'the parameters of a statement');
    const leftMs = Math.max(1, Math.floor(endsAt - performance.now()));
    const options = { timeoutMs: Math.min(connector.server().timeouts.total, leftMs), signal };
    const { pagination, result } = action.plan();
    const reads = action.spec.effect === 'read';
    const offset = page.position && 'number' in page.position ? page.position.number : 0;
    const maxRows = pagination && pageSize(pagination, page.limit);
    const response: Partial<Rows & Execution> = reads
      ? await connection.query(text, parameters, { ...options, maxRows, offset })
      : withinResult(await connection.execute(text, parameters, options));
    if (!reads) account.acted();
    const shaped = shapeResult(result, account.scope({ args, response }), new Uint8Array(), account.scripts);
    return {
      shaped,
      next: reads && response.hasMore ? { number: offset + (response.rows?.length ?? 0) } : undefined,
      secrets: account.secrets.texts,
    };
  } finally {
    await connection.close();
  }
}

/** Connects and reads, and tells which account it is. Throws what is wrong with the address or the credentials. */
export async function probeSql(open: OpenSql | undefined, account: Account, connector: Connector) {
  const { address, connection } = await connect(open, account, connector);
  try {
    await connection.test();
  } finally {
    await connection.close();
  }
  const name = defaultIdentifier(address);
  return { facts: { key: name, label: name, identifier: name }, reach: { home: homeOf(address), hosts: [] } };
}

async function connect(open: OpenSql = sqlWithin({ allowPrivate: [] }), account: Account, connector: Connector) {
  await account.ready();
  const fields = connector.server().address.evaluate(account.scope(), account.scripts);
  const address = readAddress(asFields(fields, 'the address of a database'));
  // The URL is one secret; the password in it is another.
  if (address.driver !== 'sqlite' && address.password !== undefined) account.secrets.keep([address.password]);
  if (account.linked && isMovable(connector.server().address)) checkHome(connector, homeOf(address), account.linked);
  return { address, connection: await open(address) };
}

const homeOf = (address: SqlAddress): string =>
  address.driver === 'sqlite' ? address.database : `${address.host}:${address.port}`;

export const dialectOf = ({ driver }: SqlAddress) => (driver === 'mariadb' ? 'mysql' : driver);

function statementOf(value: unknown, address: SqlAddress): string {
  const text = typeof value === 'string' ? value : asFields(value, 'a statement')[dialectOf(address)];
  if (typeof text === 'string') return text;
  throw new TielineError('definition_invalid', `there is no statement for ${address.driver}`);
}

function asFields(value: unknown = {}, what: string): Values {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Values;
  throw new TielineError('arguments_invalid', `${what} must be an object`);
}

/** A write that was done must not end as a failure because what it returned is too long. */
function withinResult(done: Execution): Execution {
  return JSON.stringify(done).length <= LONGEST_RESULT ? done : { ...done, rows: [], hasMore: true };
}
