import { TielineError } from '../errors.ts';
import { openAccount } from '../execute/account.ts';
import { testAccount } from '../execute/connect.ts';
import { accountOptions } from '../execute/stored.ts';
import type { ConnectionRecord } from './record.ts';
import { integrationOf, type Place } from './save.ts';

/**
 * Tries the stored account of a connection at the API. False where there is no test path, and so nothing to ask;
 * a token that has to be got first was got all the same. Needs `loadSandbox` first. Throws what the API's refusal means.
 */
export async function testConnection(place: Place, record: ConnectionRecord): Promise<boolean> {
  const { engine, who } = place;
  const name = record.connection.connector;
  const connector = engine.catalog.connector(name);
  const integration = await integrationOf(place, record);
  if (!integration) {
    throw new TielineError('reauthorization_required', `the connection ${name} has no account any more`, {
      hint: `Enter its secrets again: tieline connections edit ${name} --input <file>`,
    });
  }
  const options = await accountOptions(engine, who, connector, integration);
  const account = openAccount(options);
  try {
    await account.ready();
    return await testAccount(account, connector, options.option);
  } finally {
    account.dispose();
  }
}
